package catalog

import "testing"

func TestTracked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		service, action string
		want            bool
	}{
		{"iam", "CreateUser", true},
		{"iam", "PassRole", false},
		{"sts", "AssumeRole", true},
		{"s3", "CreateBucket", true},
		{"s3", "ListAllMyBuckets", true},
		{"s3", "ListBucket", false},
		{"s3", "GetObject", false},
		{"s3", "PutObjectTagging", false},
		{"sqs", "AddPermission", true},
		{"sqs", "SendMessage", false},
		{"dynamodb", "CreateTable", true},
		{"dynamodb", "Query", false},
	}
	for _, tt := range tests {
		a, ok := Action(tt.service, tt.action)
		if got := a.Tracked(); !ok || got != tt.want {
			t.Errorf("%s:%s: got %t, %t, want %t", tt.service, tt.action, got, ok, tt.want)
		}
	}
	for service, names := range untracked {
		for _, name := range names {
			if a, ok := Action(service, name); !ok || a.Name != name {
				t.Errorf("there is no %s:%s", service, name)
			}
		}
	}
}
