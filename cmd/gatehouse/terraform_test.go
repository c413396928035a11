package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/tools/txtar"
)

// TestTerraform applies, changes and destroys everything that Terraform's AWS provider can make of IAM. It needs the
// terraform program, and the provider in the folder TERRAFORM_PLUGINS, laid out as a mirror.
func TestTerraform(t *testing.T) {
	plugins := os.Getenv("TERRAFORM_PLUGINS")
	if plugins == "" {
		t.Skip("TERRAFORM_PLUGINS names no folder with the AWS provider")
	}
	program := need(t, "terraform")
	t.Parallel()
	s := start(t)
	organization := `{"id": "o-exampleorg1", "management_account": "000000000000", "root": {}}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+s.Admin+"/organization", strings.NewReader(organization))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("PUT /organization: got %s", resp.Status)
	}

	dir := t.TempDir()
	config, err := os.ReadFile("../../testdata/clients/terraform/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"main.tf": config}
	for _, name := range []string{"server_certificate", "signing_certificate", "user_ssh_key", "saml_provider"} {
		archive, err := txtar.ParseFile("../../testdata/scenarios/" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			files[f.Name] = f.Data
		}
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	terraform := func(args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Dir = dir
		for _, kv := range os.Environ() {
			if !strings.HasPrefix(kv, "AWS_") && !strings.HasPrefix(kv, "TF_") {
				cmd.Env = append(cmd.Env, kv)
			}
		}
		cmd.Env = append(cmd.Env, "TF_IN_AUTOMATION=1", "TF_VAR_endpoint=http://"+s.Main, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
			"AWS_EC2_METADATA_DISABLED=true", "CHECKPOINT_DISABLE=1")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out.Bytes())
		}
	}
	plugins, err = filepath.Abs(plugins)
	if err != nil {
		t.Fatal(err)
	}
	terraform("init", "-no-color", "-plugin-dir="+plugins)
	for _, stage := range []string{"-var=stage=1", "-var=stage=2"} {
		terraform("apply", "-no-color", "-auto-approve", stage)
		// Exit code 2 is a plan that has something to do.
		terraform("plan", "-no-color", "-detailed-exitcode", stage)
	}
	terraform("destroy", "-no-color", "-auto-approve", "-var=stage=2")

	left, err := s.iam().GetAccountAuthorizationDetails(t.Context(), &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{
		types.EntityTypeUser, types.EntityTypeGroup, types.EntityTypeRole, types.EntityTypeLocalManagedPolicy,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(left.UserDetailList) + len(left.GroupDetailList) + len(left.RoleDetailList) + len(left.Policies); n != 0 {
		t.Errorf("after destroy: got %d entities, want none", n)
	}
}
