package handlers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/catalog"
	"gatehouse/lazy"
	"gatehouse/policy"
	"gatehouse/store"
)

func serviceAccessOperations() []operation {
	return []operation{
		detach((*IAM).GenerateServiceLastAccessedDetails, viewed(resourceOfARN)),
		read((*IAM).GetServiceLastAccessedDetails, anything),
		read((*IAM).GetServiceLastAccessedDetailsWithEntities, anything),
		read((*IAM).ListPoliciesGrantingServiceAccess, resourceOfARN),
	}
}

// trackingPeriod is for how long accesses are reported.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html
const trackingPeriod = 400 * 24 * time.Hour

// entityARN is what the ARN of a user, group, role or managed policy looks like: its partition, account, kind, path and
// name.
var entityARN = lazy.Regexp(`^arn:([^:/]+):iam::(aws|[0-9]{12}):(user|group|role|policy)(/(?:[\x21-\x7e]+/)?)([\w+=,.@-]+)$`)

// resourceOfARN is the user, group, role or managed policy that Arn names.
func resourceOfARN(ctx context.Context, c *call, in any) (auth.Target, error) {
	arn := member(in, "Arn")
	t := auth.Target{Resource: arn}
	e, err := (&IAM{c}).entityOf(ctx, arn)
	if store.IsNotFound(err) || awserr.From(err) != nil {
		return t, nil // the operation says so itself
	}
	if err != nil {
		return t, err
	}
	t.Resource = e.ARN
	switch e.Type {
	case "user", "role":
		t.Tags, err = c.account.Tags(ctx, e.ID, "", 0)
	case "policy":
		t.Tags, err = c.account.ResourceTags(ctx, e.ID, "", 0)
	}
	return t, err
}

// reportEntity is a user, group, role or managed policy in a report.
type reportEntity struct {
	ID   string `json:"id"` // empty for a policy of AWS
	Type string `json:"type"`
	Name string `json:"name"`
	Path string `json:"path,omitempty"`
	ARN  string `json:"arn"`
}

// entityOf returns what an ARN names.
func (s *IAM) entityOf(ctx context.Context, arn string) (reportEntity, error) {
	m := entityARN().FindStringSubmatch(arn)
	if m == nil || m[1] != s.partition {
		return reportEntity{}, awserr.InvalidInput.Errorf("ARN %s is not valid.", arn)
	}
	kind, name := m[3], m[5]
	if kind == "policy" {
		p, err := s.findPolicy(ctx, arn)
		if err != nil {
			return reportEntity{}, err
		}
		return reportEntity{ID: p.own.ID, Type: kind, Name: p.name(), ARN: p.arn}, nil
	}
	if m[2] != s.account.ID {
		return reportEntity{}, &store.NotFound{Kind: kind, Name: name}
	}
	e := reportEntity{Type: kind}
	var err error
	switch kind {
	case "user":
		var u store.User
		u, err = s.account.User(ctx, name)
		e.ID, e.Name, e.Path = u.ID, u.Name, u.Path
	case "group":
		var g store.Group
		g, err = s.account.Group(ctx, name)
		e.ID, e.Name, e.Path = g.ID, g.Name, g.Path
	default:
		var r store.Role
		r, err = s.account.Role(ctx, name)
		e.ID, e.Name, e.Path = r.ID, r.Name, r.Path
	}
	if err != nil {
		return e, err
	}
	e.ARN = s.arn(kind + e.Path + e.Name)
	if e.Path != m[4] {
		return e, &store.NotFound{Kind: kind, Name: name}
	}
	return e, nil
}

// heldPolicy is a permissions policy and whose it is.
type heldPolicy struct {
	name     string
	arn      string // of a managed policy
	by       reportEntity
	document *policy.Document
}

// policiesOf returns the permissions policies that a user, group or role has, those of a user's groups included, or
// the managed policy itself.
func (s *IAM) policiesOf(ctx context.Context, e reportEntity) ([]heldPolicy, error) {
	if e.Type == "policy" {
		p, err := s.managedDocument(ctx, e.ARN)
		return []heldPolicy{p}, err
	}
	list, err := s.ownPoliciesOf(ctx, e)
	if err != nil || e.Type != "user" {
		return list, err
	}
	groups, err := s.account.GroupsOfUser(ctx, e.ID, "", 0)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		more, err := s.ownPoliciesOf(ctx, reportEntity{ID: g.ID, Type: "group", Name: g.Name, Path: g.Path})
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}

// ownPoliciesOf returns the policies that are attached to a user, group or role itself.
func (s *IAM) ownPoliciesOf(ctx context.Context, e reportEntity) ([]heldPolicy, error) {
	var list []heldPolicy
	arns, err := s.account.AttachedPolicies(ctx, e.ID, "", "", 0)
	if err != nil {
		return nil, err
	}
	for _, arn := range arns {
		p, err := s.managedDocument(ctx, arn)
		if err != nil {
			return nil, err
		}
		p.by = e
		list = append(list, p)
	}
	inline, err := s.account.InlinePolicies(ctx, e.ID, "", 0)
	if err != nil {
		return nil, err
	}
	for _, p := range inline {
		d, err := policy.Parse(p.Document)
		if err != nil {
			return nil, fmt.Errorf("policy %s of %s: %w", p.Name, e.Name, err)
		}
		list = append(list, heldPolicy{name: p.Name, by: e, document: d})
	}
	return list, nil
}

// managedDocument returns the managed policy with an ARN, with its default version.
func (s *IAM) managedDocument(ctx context.Context, arn string) (heldPolicy, error) {
	p := heldPolicy{name: path.Base(arn), arn: arn}
	text := ""
	if managed, ok := catalog.Policy(arn); ok {
		text = managed.Document()
	} else {
		var err error
		if text, err = s.account.PolicyDocument(ctx, arn); err != nil {
			return p, err
		}
	}
	d, err := policy.Parse(text)
	if err != nil {
		return p, fmt.Errorf("policy %s: %w", arn, err)
	}
	p.document = d
	return p, nil
}

// actionsOf yields the names of a service's actions.
func actionsOf(service catalog.ServiceDetail) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, a := range service.Actions() {
			if !yield(a.Name) {
				return
			}
		}
	}
}

// grantedServices returns the services of which any of the policies allows an action, in the order of their namespaces.
func grantedServices(documents []*policy.Document) []string {
	services := []string{}
	for _, service := range catalog.Services() {
		granting := func(d *policy.Document) bool { return d.Grants(service.Prefix, actionsOf(service)) }
		if slices.ContainsFunc(documents, granting) {
			services = append(services, service.Prefix)
		}
	}
	return services
}

// accessReport is the content of a report on a user, group, role or managed policy.
type accessReport struct {
	ARN         string         `json:"arn"`
	Granularity string         `json:"granularity"`
	Services    []string       `json:"services"` // that the policies grant, by namespace
	Entities    []reportEntity `json:"entities"` // users and roles that could have used the policies
	Accesses    []store.Access `json:"accesses"` // the last one of each entity to each service
	Actions     []store.Access `json:"actions"`  // the last one to each tracked action
	// Tracked has the tracked actions of each service that the policies grant, in a report on actions.
	Tracked map[string][]string `json:"tracked,omitempty"`
}

// trackedActions returns the actions of each service that any of the policies allows and AWS keeps the last access of.
func trackedActions(documents []*policy.Document, services []string) map[string][]string {
	tracked := make(map[string][]string)
	for _, prefix := range services {
		service, _ := catalog.Service(prefix)
		for _, a := range service.Actions() {
			granting := func(d *policy.Document) bool { return d.Grants(prefix, slices.Values([]string{a.Name})) }
			if a.Tracked() && slices.ContainsFunc(documents, granting) {
				tracked[prefix] = append(tracked[prefix], a.Name)
			}
		}
	}
	return tracked
}

// usersOf returns the users and roles that have the policies of a user, group or role, or that have a managed policy.
func (s *IAM) usersOf(ctx context.Context, e reportEntity) ([]reportEntity, error) {
	var list []reportEntity
	seen := map[string]bool{}
	add := func(kind, id, name, path string) {
		if !seen[id] {
			seen[id] = true
			list = append(list, reportEntity{ID: id, Type: kind, Name: name, Path: path, ARN: s.arn(kind + path + name)})
		}
	}
	members := func(groupID string) error {
		return everyPage(func(after string) ([]store.User, error) { return s.account.GroupMembers(ctx, groupID, after, 0) },
			func(u store.User) string { add("user", u.ID, u.Name, u.Path); return u.Name })
	}
	switch e.Type {
	case "user", "role":
		add(e.Type, e.ID, e.Name, e.Path)
	case "group":
		if err := members(e.ID); err != nil {
			return nil, err
		}
	default:
		for _, kind := range []store.OwnerKind{store.OwnerUser, store.OwnerRole, store.OwnerGroup} {
			var groups []string
			err := everyPage(func(after string) ([]store.Owner, error) {
				return s.account.PolicyOwners(ctx, e.ARN, kind, store.UsedAsPermissions, "", after, 0)
			}, func(o store.Owner) string {
				if kind == store.OwnerGroup {
					groups = append(groups, o.ID)
				} else {
					add(string(kind), o.ID, o.Name, o.Path)
				}
				return o.Name
			})
			if err != nil {
				return nil, err
			}
			for _, id := range groups {
				if err := members(id); err != nil {
					return nil, err
				}
			}
		}
	}
	return list, nil
}

// everyPage visits all items of a list whose pages are as long as may be. visit returns the item's key.
func everyPage[T any](fetch func(after string) ([]T, error), visit func(T) string) error {
	for after := ""; ; {
		items, err := fetch(after)
		if err != nil {
			return err
		}
		for _, item := range items {
			after = visit(item)
		}
		if len(items) < store.MaxPage {
			return nil
		}
	}
}

// GenerateServiceLastAccessedDetails makes a report on which services the policies of a user, group or role, or a managed
// policy, grant, and when they were last used. It is complete when the call returns.
func (s *IAM) GenerateServiceLastAccessedDetails(ctx context.Context, in *iam.GenerateServiceLastAccessedDetailsInput) (*iam.GenerateServiceLastAccessedDetailsOutput, error) {
	if err := s.db.FlushUses(ctx); err != nil {
		return nil, err
	}
	r := store.AccessReport{JobID: s.ids.Next(), Kind: "entity", RequesterID: s.caller.EntityID()}
	err := s.viewing(ctx, func(s *IAM) error {
		content, err := s.lastAccessed(ctx, *in.Arn, cmp.Or(in.Granularity, types.AccessAdvisorUsageGranularityTypeServiceLevel))
		if err != nil {
			return err
		}
		text, err := json.Marshal(content)
		r.Created, r.Completed, r.Content = store.At(s.now), store.At(s.now), string(text)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = s.updating(ctx, func(s *IAM) error { return s.account.CreateAccessReport(ctx, &r) })
	if err != nil {
		return nil, err
	}
	return &iam.GenerateServiceLastAccessedDetailsOutput{JobId: &r.JobID}, nil
}

// lastAccessed is the report on what an ARN names.
func (s *IAM) lastAccessed(ctx context.Context, arn string, granularity types.AccessAdvisorUsageGranularityType) (*accessReport, error) {
	e, err := s.entityOf(ctx, arn)
	if err != nil {
		return nil, err
	}
	held, err := s.policiesOf(ctx, e)
	if err != nil {
		return nil, err
	}
	var documents []*policy.Document
	for _, p := range held {
		documents = append(documents, p.document)
	}
	r := &accessReport{ARN: e.ARN, Granularity: string(granularity), Services: grantedServices(documents)}
	if r.Entities, err = s.usersOf(ctx, e); err != nil {
		return nil, err
	}
	byAction := granularity == types.AccessAdvisorUsageGranularityTypeActionLevel
	if byAction {
		r.Tracked = trackedActions(documents, r.Services)
	}
	since := store.At(s.now.Add(-trackingPeriod))
	last := map[string]int{} // into r.Actions
	for _, u := range r.Entities {
		accesses, err := s.account.ServiceAccesses(ctx, u.ID, since)
		if err != nil {
			return nil, err
		}
		for _, a := range accesses {
			if slices.Contains(r.Services, a.Service) {
				r.Accesses = append(r.Accesses, a)
			}
		}
		if !byAction {
			continue
		}
		actions, err := s.account.ActionAccesses(ctx, u.ID, since)
		if err != nil {
			return nil, err
		}
		for _, a := range actions {
			if !slices.Contains(r.Tracked[a.Service], a.Action) {
				continue
			}
			key := a.Service + ":" + a.Action
			if i, ok := last[key]; !ok {
				last[key] = len(r.Actions)
				r.Actions = append(r.Actions, a)
			} else if a.At > r.Actions[i].At {
				r.Actions[i] = a
			}
		}
	}
	return r, nil
}

// accessJob returns a report of the caller's: nobody else may look at it.
func (s *IAM) accessJob(ctx context.Context, jobID string) (store.AccessReport, *accessReport, error) {
	job, err := s.account.AccessReport(ctx, "entity", jobID)
	if err == nil && job.RequesterID != s.caller.EntityID() {
		err = &store.NotFound{Kind: "access report", Name: jobID}
	}
	if err != nil {
		return job, nil, err
	}
	var r accessReport
	if err := json.Unmarshal([]byte(job.Content), &r); err != nil {
		return job, nil, fmt.Errorf("access report %s: %w", jobID, err)
	}
	return job, &r, nil
}

func serviceName(namespace string) string {
	service, _ := catalog.Service(namespace)
	return service.Name
}

// GetServiceLastAccessedDetails returns the services of a report by namespace, with their last access.
func (s *IAM) GetServiceLastAccessedDetails(ctx context.Context, in *iam.GetServiceLastAccessedDetailsInput) (*iam.GetServiceLastAccessedDetailsOutput, error) {
	job, r, err := s.accessJob(ctx, *in.JobId)
	if err != nil {
		return nil, err
	}
	itself := func(service string) string { return service }
	p, err := list(in.Marker, in.MaxItems, paged(r.Services, itself), itself)
	if err != nil {
		return nil, err
	}
	arns := map[string]*string{}
	for _, e := range r.Entities {
		arns[e.ID] = &e.ARN
	}
	out := &iam.GetServiceLastAccessedDetailsOutput{
		JobStatus: types.JobStatusTypeCompleted, JobType: types.AccessAdvisorUsageGranularityType(r.Granularity),
		JobCreationDate: aws.Time(job.Created.Time()), JobCompletionDate: aws.Time(job.Completed.Time()),
		ServicesLastAccessed: []types.ServiceLastAccessed{}, IsTruncated: p.truncated, Marker: p.marker,
	}
	for _, service := range p.items {
		item := types.ServiceLastAccessed{ServiceNamespace: &service, ServiceName: aws.String(serviceName(service))}
		var last store.Access
		entities := int32(0)
		for _, a := range r.Accesses {
			if a.Service == service {
				entities++
				if a.At > last.At {
					last = a
				}
			}
		}
		item.TotalAuthenticatedEntities = &entities
		if entities > 0 {
			item.LastAuthenticated, item.LastAuthenticatedEntity = aws.Time(last.At.Time()), arns[last.EntityID]
			item.LastAuthenticatedRegion = &last.Region
		}
		for _, name := range r.Tracked[service] {
			action := types.TrackedActionLastAccessed{ActionName: &name} // no more of one that was never accessed
			for _, a := range r.Actions {
				if a.Service == service && a.Action == name {
					action.LastAccessedEntity, action.LastAccessedRegion, action.LastAccessedTime = arns[a.EntityID], &a.Region, aws.Time(a.At.Time())
				}
			}
			item.TrackedActionsLastAccessed = append(item.TrackedActionsLastAccessed, action)
		}
		out.ServicesLastAccessed = append(out.ServicesLastAccessed, item)
	}
	return out, nil
}

// entityTypes are the kinds of entities as the API writes them.
var entityTypes = map[string]types.PolicyOwnerEntityType{
	"user": types.PolicyOwnerEntityTypeUser, "role": types.PolicyOwnerEntityTypeRole, "group": types.PolicyOwnerEntityTypeGroup,
}

// GetServiceLastAccessedDetailsWithEntities returns the users and roles that could have used the policies of a report to
// access a service, who did so last first.
func (s *IAM) GetServiceLastAccessedDetailsWithEntities(ctx context.Context, in *iam.GetServiceLastAccessedDetailsWithEntitiesInput) (*iam.GetServiceLastAccessedDetailsWithEntitiesOutput, error) {
	job, r, err := s.accessJob(ctx, *in.JobId)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(r.Services, *in.ServiceNamespace) {
		return nil, &store.NotFound{Kind: "service in the report", Name: *in.ServiceNamespace}
	}
	last := map[string]store.Time{}
	for _, a := range r.Accesses {
		if a.Service == *in.ServiceNamespace {
			last[a.EntityID] = a.At
		}
	}
	slices.SortFunc(r.Entities, func(a, b reportEntity) int {
		return cmp.Or(cmp.Compare(last[b.ID], last[a.ID]), strings.Compare(a.ARN, b.ARN))
	})
	p, err := listOf(in.Marker, in.MaxItems, r.Entities)
	if err != nil {
		return nil, err
	}
	out := &iam.GetServiceLastAccessedDetailsWithEntitiesOutput{
		JobStatus:       types.JobStatusTypeCompleted,
		JobCreationDate: aws.Time(job.Created.Time()), JobCompletionDate: aws.Time(job.Completed.Time()),
		EntityDetailsList: []types.EntityDetails{}, IsTruncated: p.truncated, Marker: p.marker,
	}
	for _, e := range p.items {
		d := types.EntityDetails{EntityInfo: &types.EntityInfo{
			Arn: &e.ARN, Id: &e.ID, Name: &e.Name, Path: &e.Path, Type: entityTypes[e.Type],
		}}
		if at := last[e.ID]; !at.IsZero() {
			d.LastAuthenticated = aws.Time(at.Time())
		}
		out.EntityDetailsList = append(out.EntityDetailsList, d)
	}
	return out, nil
}

// ListPoliciesGrantingServiceAccess lists, by service, the policies of a user, group or role that allow any of its actions.
func (s *IAM) ListPoliciesGrantingServiceAccess(ctx context.Context, in *iam.ListPoliciesGrantingServiceAccessInput) (*iam.ListPoliciesGrantingServiceAccessOutput, error) {
	e, err := s.entityOf(ctx, *in.Arn)
	if err == nil && e.Type == "policy" {
		err = awserr.InvalidInput.Errorf("ARN %s is not valid.", *in.Arn)
	}
	if err != nil {
		return nil, err
	}
	var services []catalog.ServiceDetail
	for _, namespace := range in.ServiceNamespaces {
		service, ok := catalog.Service(namespace)
		if !ok {
			return nil, awserr.InvalidInput.Errorf("Invalid service namespace: %s", namespace)
		}
		services = append(services, service)
	}
	p, err := listOf(in.Marker, nil, services)
	if err != nil {
		return nil, err
	}
	held, err := s.policiesOf(ctx, e)
	if err != nil {
		return nil, err
	}
	out := &iam.ListPoliciesGrantingServiceAccessOutput{
		PoliciesGrantingServiceAccess: []types.ListPoliciesGrantingServiceAccessEntry{}, IsTruncated: p.truncated, Marker: p.marker,
	}
	for _, service := range p.items {
		entry := types.ListPoliciesGrantingServiceAccessEntry{
			ServiceNamespace: aws.String(service.Prefix), Policies: []types.PolicyGrantingServiceAccess{},
		}
		for _, h := range held {
			if !h.document.Grants(service.Prefix, actionsOf(service)) {
				continue
			}
			g := types.PolicyGrantingServiceAccess{PolicyName: &h.name, PolicyType: types.PolicyTypeManaged, PolicyArn: &h.arn}
			if h.arn == "" {
				g.PolicyType, g.PolicyArn = types.PolicyTypeInline, nil
				g.EntityType, g.EntityName = entityTypes[h.by.Type], &h.by.Name
			}
			entry.Policies = append(entry.Policies, g)
		}
		out.PoliciesGrantingServiceAccess = append(out.PoliciesGrantingServiceAccess, entry)
	}
	return out, nil
}
