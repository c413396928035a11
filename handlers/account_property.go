package handlers

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"gatehouse/auth"
	"gatehouse/awserr"
)

func accountPropertyOperations() []operation {
	return []operation{
		read((*IAM).GetAccountProperties, propertyNamespaces),
		write((*IAM).PutAccountProperties, propertyNamespaces),
	}
}

// propertyNamespaces resolves to no resource, and shows to conditions the namespaces of the properties that are set, or
// read, which are all that there are.
func propertyNamespaces(ctx context.Context, c *call, in any) (auth.Target, error) {
	var properties map[string]string
	var err error
	if put, ok := in.(*iam.PutAccountPropertiesInput); ok {
		properties = put.Properties
	} else if properties, err = c.account.Properties(ctx); err != nil {
		return auth.Target{}, err
	}
	var namespaces []string
	for name := range properties {
		namespace, _, _ := strings.Cut(name, "/")
		namespaces = append(namespaces, namespace)
	}
	slices.Sort(namespaces)
	t := auth.Target{Resource: "*"}
	t.Fill(map[string][]string{"iam:AccountPropertyNamespaces": slices.Compact(namespaces)})
	return t, nil
}

// maxProperties bounds how many properties an account has. AWS says nothing of a limit.
const maxProperties = 1000

// GetAccountProperties returns the account's properties.
func (s *IAM) GetAccountProperties(ctx context.Context, _ *iam.GetAccountPropertiesInput) (*iam.GetAccountPropertiesOutput, error) {
	properties, err := s.account.Properties(ctx)
	return &iam.GetAccountPropertiesOutput{Properties: properties}, err
}

// PutAccountProperties sets properties of one namespace. The others stay. A property that has been a boolean stays one:
// which properties there are, and of what type, AWS does not publish.
func (s *IAM) PutAccountProperties(ctx context.Context, in *iam.PutAccountPropertiesInput) (*iam.PutAccountPropertiesOutput, error) {
	if len(in.Properties) == 0 {
		return nil, awserr.InvalidInput.Errorf("At least one property must be specified.")
	}
	now, err := s.account.Properties(ctx)
	if err != nil {
		return nil, err
	}
	first := ""
	for _, name := range slices.Sorted(maps.Keys(in.Properties)) {
		namespace, property, _ := strings.Cut(name, "/")
		if namespace == "" || property == "" || strings.Contains(property, "/") {
			return nil, awserr.InvalidInput.Errorf("Property key %s must be in the format Namespace/PropertyName.", name)
		}
		if first == "" {
			first = namespace
		}
		if namespace != first {
			return nil, awserr.InvalidInput.Errorf("All properties must belong to the same namespace.")
		}
		if isBoolean(now[name]) && !isBoolean(in.Properties[name]) {
			return nil, awserr.InvalidInput.Errorf("Property %s must be true or false.", name)
		}
		now[name] = in.Properties[name]
		if err := s.account.SetProperty(ctx, name, in.Properties[name]); err != nil {
			return nil, err
		}
	}
	if len(now) > maxProperties {
		return nil, awserr.InvalidInput.Errorf("An account has at most %d properties.", maxProperties)
	}
	return &iam.PutAccountPropertiesOutput{}, nil
}

func isBoolean(v string) bool { return v == "true" || v == "false" }
