package auth

import (
	"encoding/json"

	"gatehouse/policy"
)

// Record is a decision as events and explanations show it: the policy engine's Decision, the sentence that denies, and
// what would help.
type Record struct {
	policy.Decision
	Principal string `json:"principal"`
	Account   string `json:"account"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	// Sentence is AWS's refusal with its reason, also where AWS gives none.
	Sentence string `json:"sentence,omitempty"`
	// Verdicts are what each kind of policy says, where there are policies of the kind.
	Verdicts map[string]policy.Verdict `json:"verdicts,omitempty"`
	// Context is the request context, by folded key.
	Context map[string][]string `json:"context,omitempty"`
	// Changes together make the request allowed. There are none when Resolvable is false.
	Changes    []policy.Change `json:"changes,omitempty"`
	Resolvable bool            `json:"resolvable"`
	// Explanation says all of it in sentences, a line each.
	Explanation []string `json:"explanation"`
}

// Record returns d with everything that explains it.
func (d *Decision) Record() *Record {
	r := &Record{
		Decision: d.Decision, Principal: d.Principal, Account: d.Account, Action: d.Action, Resource: d.Resource,
		Verdicts: map[string]policy.Verdict{}, Context: map[string][]string{}, Resolvable: true,
	}
	r.Sentence = d.Denial(d.Principal, d.Action, d.Resource)
	for _, k := range []policy.Kind{policy.RCP, policy.SCP, policy.ResourcePolicy, policy.IdentityPolicy, policy.Boundary, policy.SessionPolicy} {
		if v := d.Verdict(k); v.Effect != policy.NotApplicable {
			r.Verdicts[k.String()] = v
		}
	}
	for key, values := range d.Request.Context.All() {
		r.Context[key] = values
	}
	if !d.Allowed() {
		r.Resolvable = false
		if !d.Gone && !d.pointless() {
			r.Changes, r.Resolvable = policy.Suggest(d.Request)
		}
	}
	r.Explanation = d.explanation(r)
	return r
}

// JSON is the record as it is kept with an event.
func (r *Record) JSON() string {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // every member can be marshalled
	}
	return string(text)
}
