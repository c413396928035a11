package auth

import "testing"

func TestKindOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		arn  string
		want PrincipalKind
	}{
		{"arn:aws:iam::123456789012:root", Root},
		{"arn:aws-cn:iam::123456789012:root", Root},
		{"arn:aws:iam::123456789012:user/alice", User},
		{"arn:aws:iam::123456789012:user/team/alice", User},
		{"arn:aws:iam::123456789012:user/root", User},
		{"arn:aws:sts::123456789012:assumed-role/app/session", AssumedRole},
		{"arn:aws:sts::123456789012:federated-user/bob", FederatedUser},
		{"arn:aws:sts::123456789012:root", Unknown},
		{"arn:aws:s3::123456789012:root", Unknown},
		{"arn:aws:iam:::root", Unknown},
		{"arn:aws:iam::12345678901a:root", Unknown},
		{"arn:aws:iam::123456789012:role/x:root", Unknown},
		{"arn:aws:iam::123456789012:user/", Unknown},
		{"arn:aws:iam::123456789012:role/app", Unknown},
		{"arn:aws:sts::123456789012:assumed-role/app", Unknown},
		{"123456789012:root", Unknown},
		{":root", Unknown},
		{"root", Unknown},
		{"", Unknown},
	}
	for _, tt := range tests {
		if got := KindOf(tt.arn); got != tt.want {
			t.Errorf("KindOf(%q): got %v, want %v", tt.arn, got, tt.want)
		}
	}
}

func TestBypassAccount(t *testing.T) {
	t.Parallel()
	tests := []struct{ id, want string }{
		{"test", "000000000000"},
		{"TEST", "000000000000"},
		{"TeStAccessKey", "000000000000"},
		{"  test\t", "000000000000"},
		{"123456789012", "123456789012"},
		{"12345678901", ""},
		{"1234567890123", ""},
		{"tes", ""},
		{"tst", ""},
		{"", ""},
		{"te\u017ft", ""}, // folds to "test", is not
		{"té", ""},
		{"日本語", ""},
		{"AKIATEST", ""},
	}
	for _, tt := range tests {
		if got, _ := bypassAccount(tt.id, "000000000000"); got != tt.want {
			t.Errorf("bypassAccount(%q): got %q, want %q", tt.id, got, tt.want)
		}
	}
}

func TestParseMode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Mode{
		"off": Off, "none": Off, "disabled": Off, "soft": Soft, "audit": Soft, "warn": Soft,
		"strict": Strict, "enforce": Strict, "deny": Strict, " STRICT\n": Strict, "Soft": Soft,
	} {
		if got, err := ParseMode(text); err != nil || got != want {
			t.Errorf("ParseMode(%q): got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "on", "true", "stricter"} {
		if _, err := ParseMode(text); err == nil {
			t.Errorf("ParseMode(%q): got no error", text)
		}
	}
}

func TestPartition(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"us-east-1": "aws", "eu-central-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b",
	} {
		if got := Partition(region); got != want {
			t.Errorf("Partition(%q): got %q, want %q", region, got, want)
		}
		if !ValidRegion(region) {
			t.Errorf("ValidRegion(%q): got false", region)
		}
	}
	for _, region := range []string{"", "us", "us-east", "US-EAST-1", "us-east-1a", "us_east_1", "../etc"} {
		if ValidRegion(region) {
			t.Errorf("ValidRegion(%q): got true", region)
		}
	}
}
