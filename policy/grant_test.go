package policy

import (
	"slices"
	"testing"
)

func TestGrants(t *testing.T) {
	t.Parallel()
	actions := slices.Values([]string{"GetObject", "PutObject"})
	for _, tt := range []struct {
		name, statement string
		want            bool
	}{
		{"everything", `{"Effect":"Allow","Action":"*","Resource":"*"}`, true},
		{"the service", `{"Effect":"Allow","Action":"S3:*","Resource":"*"}`, true},
		{"some actions", `{"Effect":"Allow","Action":["ec2:*","s3:get*"],"Resource":"arn:aws:s3:::b/*"}`, true},
		{"a wildcard across the prefix", `{"Effect":"Allow","Action":"s?:Put*","Resource":"*"}`, true},
		{"actions that there are not", `{"Effect":"Allow","Action":"s3:Fly","Resource":"*"}`, false},
		{"another service", `{"Effect":"Allow","Action":"ec2:*","Resource":"*"}`, false},
		{"all but another service", `{"Effect":"Allow","NotAction":"ec2:*","Resource":"*"}`, true},
		{"all but the service", `{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}`, false},
		{"all but one action", `{"Effect":"Allow","NotAction":"s3:GetObject","Resource":"*"}`, true},
		{"denied", `{"Effect":"Deny","Action":"*","Resource":"*"}`, false},
	} {
		d, err := Parse(`{"Version":"2012-10-17","Statement":` + tt.statement + `}`)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Grants("s3", actions); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
