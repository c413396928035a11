package awsquery

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func BenchmarkAppendResponse(b *testing.B) {
	roles := &iam.ListRolesOutput{Roles: repeat(100, iamtypes.Role{
		RoleName: aws.String("app"), Path: aws.String("/"), RoleId: aws.String("AROAAAAAAAAAAAAAAAAAA"),
		Arn: aws.String("arn:aws:iam::123456789012:role/app"), AssumeRolePolicyDocument: aws.String("%7B%22Version%22%3A%222012-10-17%22%7D"),
	})}
	identity := &sts.GetCallerIdentityOutput{
		Account: aws.String("123456789012"), UserId: aws.String("AIDAAAAAAAAAAAAAAAAAA"), Arn: aws.String("arn:aws:iam::123456789012:user/alice"),
	}
	b.Run("GetCallerIdentity", func(b *testing.B) {
		op := opOf(b, new(sts.GetCallerIdentityInput))
		buf := make([]byte, 0, 1024)
		b.ReportAllocs()
		for b.Loop() {
			AppendResponse(buf, op, identity, "b25f48e8-84fd-11e6-80d9-574e0c4664cb")
		}
	})
	b.Run("ListRoles100", func(b *testing.B) {
		op := opOf(b, new(iam.ListRolesInput))
		buf := make([]byte, 0, 64<<10)
		b.ReportAllocs()
		for b.Loop() {
			AppendResponse(buf, op, roles, "b25f48e8-84fd-11e6-80d9-574e0c4664cb")
		}
	})
}

// From the body to the validated input.
func BenchmarkUnmarshal(b *testing.B) {
	for _, bb := range []struct{ name, body string }{
		{"GetCallerIdentity", "Action=GetCallerIdentity&Version=2011-06-15"},
		{"AssumeRole", "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fapp&RoleSessionName=session&DurationSeconds=3600"},
		{"TagRole", "Action=TagRole&Version=2010-05-08&RoleName=app&Tags.member.1.Key=a&Tags.member.1.Value=b&Tags.member.2.Key=c&Tags.member.2.Value=d"},
	} {
		bound(b)
		body := []byte(bb.body)
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f, err := ParseForm("", body)
				if err != nil {
					b.Fatal(err)
				}
				op, err := Find(f.Version(), f.Action())
				if err != nil {
					b.Fatal(err)
				}
				in := op.NewInput()
				if err := Unmarshal(op, f, in); err != nil {
					b.Fatal(err)
				}
				if err := Validate(op, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What the package costs at start: the models, and all operations bound.
func BenchmarkStart(b *testing.B) {
	bound(b)
	b.ReportAllocs()
	for b.Loop() {
		for s, data := range map[*Service]string{IAM: iamModel, STS: stsModel} {
			fresh := load(data)
			for _, op := range s.Operations() {
				if _, err := Bind(fresh, op.Input(), op.Output()); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
}

func BenchmarkRequestID(b *testing.B) {
	g := NewRequestIDs(nil)
	b.ReportAllocs()
	for b.Loop() {
		g.Next()
	}
}
