package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/awserr"
	"gatehouse/catalog"
	"gatehouse/lazy"
)

// delegationARN is what the ARN of a delegation request looks like. The account may be any that can see the request.
var delegationARN = lazy.Regexp(`^arn:(aws[a-z-]*):iam::([0-9]{12})?:delegation-request/([\w-]{16,128})$`)

// maxSummary is the longest summary, in bytes.
const maxSummary = 10000

// GetHumanReadableSummary says in English what a delegation request asks for. It is put together from the policy; AWS
// has a language model write it.
func (s *IAM) GetHumanReadableSummary(ctx context.Context, in *iam.GetHumanReadableSummaryInput) (*iam.GetHumanReadableSummaryOutput, error) {
	m := delegationARN().FindStringSubmatch(*in.EntityArn)
	if m == nil || m[1] != s.partition {
		return nil, awserr.InvalidInput.Errorf("Entity ARN %s is not the ARN of a delegation request.", *in.EntityArn)
	}
	r, err := s.visibleRequest(ctx, m[3])
	if err != nil {
		return nil, err
	}
	locale := "en"
	if in.Locale != nil {
		locale = *in.Locale
	}
	if !strings.HasPrefix(strings.ToLower(locale), "en") {
		return &iam.GetHumanReadableSummaryOutput{Locale: &locale, SummaryState: types.SummaryStateTypeNotSupported}, nil
	}
	text, err := summary(r.Policy)
	if err != nil {
		return nil, fmt.Errorf("policy of delegation request %s: %w", r.ID, err)
	}
	text = fmt.Sprintf("%s asks for %d minutes of access.\n", r.RequestorName, (r.SessionDuration+59)/60) + text
	if len(text) > maxSummary {
		const more = "\n..."
		text = strings.ToValidUTF8(text[:maxSummary-len(more)], "") + more
	}
	return &iam.GetHumanReadableSummaryOutput{Locale: &locale, SummaryContent: &text, SummaryState: types.SummaryStateTypeAvailable}, nil
}

// stringList is a string, or several.
type stringList []string

// UnmarshalJSON reads either.
func (l *stringList) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = stringList{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}

// plainStatement is a statement of a policy that was checked when it was stored.
type plainStatement struct {
	Effect      string
	Action      stringList
	NotAction   stringList
	Resource    stringList
	NotResource stringList
	Condition   map[string]map[string]json.RawMessage
}

// statements returns the statements of a document.
func statements(text string) ([]plainStatement, error) {
	var document struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil, err
	}
	var list []plainStatement
	if json.Unmarshal(document.Statement, &list) == nil {
		return list, nil
	}
	var one plainStatement
	err := json.Unmarshal(document.Statement, &one)
	return []plainStatement{one}, err
}

// summary says what a policy allows and denies, a line a statement.
func summary(text string) (string, error) {
	list, err := statements(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, s := range list {
		if s.Effect == "Deny" {
			b.WriteString("It denies ")
		} else {
			b.WriteString("It allows ")
		}
		switch {
		case slices.Contains(s.Action, "*"):
			b.WriteString("all actions of all services")
		case len(s.NotAction) > 0:
			b.WriteString("everything except " + actionWords(s.NotAction))
		default:
			b.WriteString(actionWords(s.Action))
		}
		switch {
		case len(s.NotResource) > 0:
			b.WriteString(" on all resources except " + strings.Join(s.NotResource, ", "))
		case len(s.Resource) == 0 || slices.Contains(s.Resource, "*"):
			b.WriteString(" on all resources")
		default:
			b.WriteString(" on " + strings.Join(s.Resource, ", "))
		}
		if len(s.Condition) > 0 {
			var keys []string
			for _, condition := range s.Condition {
				for key := range condition {
					keys = append(keys, key)
				}
			}
			slices.Sort(keys)
			b.WriteString(", depending on " + strings.Join(slices.Compact(keys), ", "))
		}
		b.WriteString(".\n")
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// actionWords names actions by their services.
func actionWords(actions []string) string {
	by := map[string][]string{}
	var order []string
	for _, a := range actions {
		prefix, name, _ := strings.Cut(a, ":")
		prefix = strings.ToLower(prefix)
		if by[prefix] == nil {
			order = append(order, prefix)
		}
		by[prefix] = append(by[prefix], name)
	}
	var words []string
	for _, prefix := range order {
		service := prefix
		if detail, ok := catalog.Service(prefix); ok {
			service = detail.Name
		}
		if slices.Contains(by[prefix], "*") {
			words = append(words, "all actions of "+service)
		} else {
			words = append(words, strings.Join(by[prefix], ", ")+" of "+service)
		}
	}
	return strings.Join(words, "; ")
}

// boundariesIn returns the permissions boundaries that a policy asks for where it allows roles to be made.
func boundariesIn(text string) []string {
	list, err := statements(text)
	if err != nil {
		return nil
	}
	var arns []string
	for _, s := range list {
		makesRoles := func(a string) bool {
			return strings.EqualFold(a, "iam:CreateRole") || a == "*" || strings.EqualFold(a, "iam:*")
		}
		if s.Effect != "Allow" || !slices.ContainsFunc(s.Action, makesRoles) {
			continue
		}
		for _, condition := range s.Condition {
			for key, value := range condition {
				var values stringList
				if strings.EqualFold(key, "iam:PermissionsBoundary") && json.Unmarshal(value, &values) == nil {
					arns = append(arns, values...)
				}
			}
		}
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}
