package handlers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/catalog"
	"gatehouse/policy"
	"gatehouse/store"
)

func organizationReportOperations() []operation {
	return []operation{
		detach((*IAM).GenerateOrganizationsAccessReport, viewed(organizationEntity)),
		read((*IAM).GetOrganizationsAccessReport, anything),
	}
}

// organizationEntity is the entity of the caller's organization that EntityPath names, as iam:OrganizationsPolicyId and
// the access report type of IAM see it.
func organizationEntity(_ context.Context, c *call, in any) (auth.Target, error) {
	t := auth.Target{Resource: c.arn("access-report/" + member(in, "EntityPath"))}
	if id := member(in, "OrganizationsPolicyId"); id != "" {
		t = withKey(t, "iam:OrganizationsPolicyId", id)
	}
	return t, nil
}

// organizationAccess is a service in a report on an organization.
type organizationAccess struct {
	Service string `json:"service"`
	// Path is the account that accessed it last, with its organization; empty when none did.
	Path     string     `json:"path,omitempty"`
	Region   string     `json:"region,omitempty"`
	At       store.Time `json:"at,omitempty"`
	Accounts int32      `json:"accounts"` // that accessed it
}

// GenerateOrganizationsAccessReport makes a report on which services the service control policies of an entity, or one
// policy, allow, and when accounts last accessed them. It is complete when the call returns.
func (s *IAM) GenerateOrganizationsAccessReport(ctx context.Context, in *iam.GenerateOrganizationsAccessReportInput) (*iam.GenerateOrganizationsAccessReportOutput, error) {
	mark := "organization of " + s.caller.Account
	if _, busy := s.reporting.LoadOrStore(mark, true); busy {
		return nil, awserr.ReportGenerationLimitExceeded.Errorf("The request failed because the maximum number of concurrent requests for this account are already running.")
	}
	defer s.reporting.Delete(mark)
	if err := s.db.FlushUses(ctx); err != nil {
		return nil, err
	}
	r := store.AccessReport{JobID: s.ids.Next(), Kind: "organization", RequesterID: s.caller.Account}
	err := s.viewing(ctx, func(s *IAM) error {
		content, err := s.organizationAccesses(ctx, *in.EntityPath, aws.ToString(in.OrganizationsPolicyId))
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
	return &iam.GenerateOrganizationsAccessReportOutput{JobId: &r.JobID}, nil
}

// managed returns the organization that the caller's account manages.
func (s *IAM) managed(ctx context.Context, action string) (store.Organization, error) {
	o, err := s.organizationOf(ctx, s.caller.Account)
	if store.IsNotFound(err) || err == nil && o.ManagementAccount != s.caller.Account {
		return o, awserr.AccessDenied.Errorf("User: %s is not authorized to perform: iam:%s because the account is not the management account of an organization", s.caller.ARN, action)
	}
	return o, err
}

// organizationAccesses is the content of the report on an entity.
func (s *IAM) organizationAccesses(ctx context.Context, path, policyID string) ([]organizationAccess, error) {
	o, err := s.managed(ctx, "GenerateOrganizationsAccessReport")
	if err != nil {
		return nil, err
	}
	e, ok := s.auth.Entity(&o, path)
	if !ok {
		return nil, awserr.InvalidInput.Errorf("The entity path %s is not part of the organization.", path)
	}
	var only *policy.Document
	if policyID != "" {
		p, ok := s.auth.SCP(&o, policyID)
		if !ok {
			return nil, awserr.InvalidInput.Errorf("The organization has no service control policy %s.", policyID)
		}
		only = p.Document
	}
	if e.Accounts[o.ManagementAccount] == path {
		only, e.SCPs = nil, nil // no service control policy binds it
		policyID = ""
	}
	last := map[string]*organizationAccess{}
	list := []organizationAccess{}
	for _, service := range catalog.Services() {
		granting := func(d *policy.Document) bool { return d != nil && d.Grants(service.Prefix, actionsOf(service)) }
		granted := true
		if policyID != "" {
			granted = granting(only)
		} else {
			for _, level := range e.SCPs {
				granted = granted && slices.ContainsFunc(level, func(p policy.Policy) bool { return granting(p.Document) })
			}
		}
		if granted {
			list = append(list, organizationAccess{Service: service.Prefix})
		}
	}
	for i := range list {
		last[list[i].Service] = &list[i]
	}
	since := store.At(s.now.Add(-trackingPeriod))
	for account, at := range e.Accounts {
		if policyID != "" && !slices.Contains(e.Attached[account], policyID) {
			continue
		}
		accesses, err := s.tx.Account(account).AccountAccesses(ctx, since)
		if err != nil {
			return nil, err
		}
		for _, a := range accesses {
			if l := last[a.Service]; l != nil {
				l.Accounts++
				if a.At > l.At || a.At == l.At && at < l.Path {
					l.At, l.Path, l.Region = a.At, at, a.Region
				}
			}
		}
	}
	return list, nil
}

// GetOrganizationsAccessReport returns the services of a report.
func (s *IAM) GetOrganizationsAccessReport(ctx context.Context, in *iam.GetOrganizationsAccessReportInput) (*iam.GetOrganizationsAccessReportOutput, error) {
	job, err := s.account.AccessReport(ctx, "organization", *in.JobId)
	if err != nil {
		return nil, err
	}
	var all []organizationAccess
	if err := json.Unmarshal([]byte(job.Content), &all); err != nil {
		return nil, fmt.Errorf("access report %s: %w", job.JobID, err)
	}
	byName := func(a, b organizationAccess) int { return strings.Compare(a.Service, b.Service) }
	byTime := func(a, b organizationAccess) int { return cmp.Or(cmp.Compare(a.At, b.At), byName(a, b)) }
	switch in.SortKey {
	case types.SortKeyTypeServiceNamespaceDescending:
		slices.SortFunc(all, func(a, b organizationAccess) int { return byName(b, a) })
	case types.SortKeyTypeLastAuthenticatedTimeAscending:
		slices.SortFunc(all, byTime)
	case types.SortKeyTypeLastAuthenticatedTimeDescending:
		slices.SortFunc(all, func(a, b organizationAccess) int { return byTime(b, a) })
	default:
		slices.SortFunc(all, byName)
	}
	p, err := listOf(in.Marker, in.MaxItems, all)
	if err != nil {
		return nil, err
	}
	unused := 0
	for _, a := range all {
		if a.Accounts == 0 {
			unused++
		}
	}
	out := &iam.GetOrganizationsAccessReportOutput{
		JobStatus: types.JobStatusTypeCompleted, JobCreationDate: aws.Time(job.Created.Time()), JobCompletionDate: aws.Time(job.Completed.Time()),
		NumberOfServicesAccessible: aws.Int32(int32(len(all))), NumberOfServicesNotAccessed: aws.Int32(int32(unused)),
		AccessDetails: []types.AccessDetail{}, IsTruncated: p.truncated, Marker: p.marker,
	}
	for _, a := range p.items {
		d := types.AccessDetail{
			ServiceName: aws.String(serviceName(a.Service)), ServiceNamespace: &a.Service, TotalAuthenticatedEntities: &a.Accounts,
		}
		if a.Accounts > 0 {
			d.EntityPath, d.Region, d.LastAuthenticatedTime = &a.Path, &a.Region, aws.Time(a.At.Time())
		}
		out.AccessDetails = append(out.AccessDetails, d)
	}
	return out, nil
}
