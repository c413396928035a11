package catalog

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

var (
	//go:embed data/services.index
	serviceIndex string
	//go:embed data/services.details
	serviceDetailData string
	//go:embed data/services.keys
	conditionKeyData string

	serviceDetails = archive{data: serviceDetailData}
)

// ServiceDetail is a service as the service authorization reference has it. What its accessors return is shared: it must not be
// changed.
type ServiceDetail struct {
	Prefix string // what its actions begin with, and its namespace in reports: s3
	Name   string // Amazon S3
	// RCP is whether resource control policies apply to the service.
	RCP bool

	load func() *authorizations
}

// ActionDetail is an action that policies can name.
type ActionDetail struct {
	Service string // prefix
	Name    string
	// AccessLevel is List, Read, Write, Tagging or Permissions management.
	AccessLevel   string
	ResourceTypes []ActionResource // empty: the action is on no resource, and only Resource "*" matches
	// ConditionKeys are those that every request of the action may have, as the reference writes them: aws:RequestTag/${TagKey}.
	ConditionKeys []string
}

// ActionResource is a resource type that an action can be allowed on.
type ActionResource struct {
	Name string
	// Required is whether every request names a resource of the type.
	Required bool
	// ConditionKeys are those that a request has for the resource.
	ConditionKeys []string
}

// ResourceType is a type of resource that policies can name.
type ResourceType struct {
	Name string
	// ARN has variables: arn:${Partition}:s3:::${BucketName}/${ObjectName}.
	ARN           string
	ConditionKeys []string
}

// ConditionKey is a condition key that a service defines or supports.
type ConditionKey struct {
	// Name may have a variable: s3:ExistingObjectTag/${TagKey}.
	Name string
	// Type is String, ARN, Bool, Date, IPAddress or Numeric.
	Type string
	// Array is whether a request can have several values.
	Array bool
}

type authorizations struct {
	actions   []ActionDetail
	resources []ResourceType
	keys      []ConditionKey
	byName    map[string]int // actions, lower case
}

// Actions returns the actions of the service in the order of their names.
func (s ServiceDetail) Actions() []ActionDetail { return s.load().actions }

// ResourceTypes returns the resource types of the service in the order of their names.
func (s ServiceDetail) ResourceTypes() []ResourceType { return s.load().resources }

// ConditionKeys returns the condition keys of the service in the order of their names.
func (s ServiceDetail) ConditionKeys() []ConditionKey { return s.load().keys }

// Action returns the action of that name, in whatever case it is written.
func (s ServiceDetail) Action(name string) (ActionDetail, bool) {
	a := s.load()
	i, ok := a.byName[strings.ToLower(name)]
	if !ok {
		return ActionDetail{}, false
	}
	return a.actions[i], true
}

var loadServices = sync.OnceValue(decodeServices)

func decodeServices() []ServiceDetail {
	rows := table(inflate(serviceIndex, 0))
	all := make([]ServiceDetail, len(rows))
	for i, f := range rows {
		all[i] = ServiceDetail{
			Prefix: f[0],
			Name:   f[1],
			RCP:    f[2] == "rcp",
			load:   sync.OnceValue(func() *authorizations { return decodeService(f[0], serviceDetails.entry(i)) }),
		}
	}
	return all
}

// table returns the fields of each line.
func table(text string) [][]string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	rows := make([][]string, len(lines))
	for i, line := range lines {
		rows[i] = strings.Split(line, "\t")
	}
	return rows
}

func decodeService(prefix, text string) *authorizations {
	a := &authorizations{byName: map[string]int{}}
	for _, f := range table(text) {
		switch f[0] {
		case "a":
			a.byName[strings.ToLower(f[1])] = len(a.actions)
			a.actions = append(a.actions, ActionDetail{
				Service:       prefix,
				Name:          f[1],
				AccessLevel:   f[2],
				ResourceTypes: actionResources(f[3]),
				ConditionKeys: list(f[4]),
			})
		case "r":
			a.resources = append(a.resources, ResourceType{f[1], f[2], list(f[3])})
		case "c":
			a.keys = append(a.keys, newConditionKey(f[1], f[2]))
		}
	}
	return a
}

func actionResources(field string) []ActionResource {
	items := list(field)
	if items == nil {
		return nil
	}
	out := make([]ActionResource, len(items))
	for i, item := range items {
		name, keys, hasKeys := strings.Cut(item, ",")
		out[i].Name, out[i].Required = strings.CutSuffix(name, "*")
		if hasKeys {
			out[i].ConditionKeys = strings.Split(keys, ",")
		}
	}
	return out
}

func list(field string) []string {
	if field == "" {
		return nil
	}
	return strings.Split(field, "|")
}

func newConditionKey(name, typ string) ConditionKey {
	typ, array := strings.CutPrefix(typ, "ArrayOf")
	return ConditionKey{name, typ, array}
}

// Services returns all services in the order of their prefixes. The slice is shared: it must not be changed.
func Services() []ServiceDetail { return slices.Clip(loadServices()) }

// Service returns the service with that prefix, in whatever case it is written.
func Service(prefix string) (ServiceDetail, bool) {
	all := loadServices()
	prefix = strings.ToLower(prefix)
	i, ok := slices.BinarySearchFunc(all, prefix, func(s ServiceDetail, p string) int { return strings.Compare(s.Prefix, p) })
	if !ok {
		return ServiceDetail{}, false
	}
	return all[i], true
}

// Action returns an action of a service, both in whatever case they are written.
func Action(service, name string) (ActionDetail, bool) {
	s, ok := Service(service)
	if !ok {
		return ActionDetail{}, false
	}
	return s.Action(name)
}

// keyCatalog is the condition keys of all services and those of every service (aws:...), in lower case.
type keyCatalog struct {
	exact    map[string]ConditionKey
	patterns []keyPattern
}

type keyPattern struct {
	before, after string // of the variable
	key           ConditionKey
}

var loadConditionKeys = sync.OnceValue(decodeConditionKeys)

func decodeConditionKeys() *keyCatalog {
	rows := table(inflate(conditionKeyData, 0))
	c := &keyCatalog{exact: make(map[string]ConditionKey, len(rows))}
	for _, f := range rows {
		key, folded := newConditionKey(f[0], f[1]), strings.ToLower(f[0])
		c.exact[folded] = key
		before, rest, ok := strings.Cut(folded, "${")
		if _, after, closed := strings.Cut(rest, "}"); ok && closed {
			c.patterns = append(c.patterns, keyPattern{before, after, key})
		}
	}
	// aws:x/${k}.name is closer than aws:x/${k}.
	slices.SortStableFunc(c.patterns, func(a, b keyPattern) int {
		return len(b.before) + len(b.after) - len(a.before) - len(a.after)
	})
	return c
}

// ConditionKeyType returns the type of a condition key, String, ARN, Bool, Date, IPAddress or Numeric, and whether a request can
// have several values of it. The key may be in any case, and have a value where the reference has a variable:
// aws:RequestTag/team.
func ConditionKeyType(key string) (typ string, array, ok bool) {
	c := loadConditionKeys()
	folded := strings.ToLower(key)
	if k, ok := c.exact[folded]; ok {
		return k.Type, k.Array, true
	}
	for _, p := range c.patterns {
		if len(folded) > len(p.before)+len(p.after) && strings.HasPrefix(folded, p.before) && strings.HasSuffix(folded, p.after) {
			return p.key.Type, p.key.Array, true
		}
	}
	return "", false, false
}
