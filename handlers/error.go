package handlers

import (
	"errors"

	"gatehouse/awserr"
	"gatehouse/policy"
	"gatehouse/store"
)

// storeError says in AWS's words what the store reports, or returns nil for an error that is not for clients.
func storeError(err error) *awserr.Error {
	var notFound *store.NotFound
	var exists *store.Exists
	var inUse *store.InUse
	switch {
	case errors.As(err, &notFound):
		switch notFound.Kind {
		case "access key":
			return awserr.NoSuchEntity.Errorf("The Access Key with id %s cannot be found.", notFound.Name)
		case "policy", "attached policy":
			return awserr.NoSuchEntity.Errorf("Policy %s was not found.", notFound.Name)
		case "login profile":
			return awserr.NoSuchEntity.Errorf("Login Profile for User %s cannot be found.", notFound.Name)
		case "password policy":
			return awserr.NoSuchEntity.Errorf("The Password Policy with domain name %s cannot be found.", notFound.Name)
		case "instance profile":
			return awserr.NoSuchEntity.Errorf("Instance Profile %s cannot be found.", notFound.Name)
		case "server certificate":
			return awserr.NoSuchEntity.Errorf("The Server Certificate with name %s cannot be found.", notFound.Name)
		case "signing certificate":
			return awserr.NoSuchEntity.Errorf("The Certificate with id %s cannot be found.", notFound.Name)
		case "SSH public key":
			return awserr.NoSuchEntity.Errorf("The Public Key with id %s cannot be found.", notFound.Name)
		case "service-specific credential":
			return awserr.NoSuchEntity.Errorf("No such credential %s exists", notFound.Name)
		case "MFA device":
			return awserr.NoSuchEntity.Errorf("MFA Device with serial number %s does not exist.", notFound.Name)
		case "OpenID Connect provider": // by its ARN
			return awserr.NoSuchEntity.Errorf("OpenIDConnect Provider not found for arn %s", notFound.Name)
		case "SAML provider": // by its ARN
			return awserr.NoSuchEntity.Errorf("Manifest not found for arn %s", notFound.Name)
		case "delegation request":
			return awserr.NoSuchEntity.Errorf("The delegation request with id %s cannot be found.", notFound.Name)
		case "role template":
			return awserr.NoSuchEntity.Errorf("Role template %s was not found.", notFound.Name)
		case "access report":
			return awserr.NoSuchEntity.Errorf("The job with id %s cannot be found.", notFound.Name)
		case "service in the report":
			return awserr.NoSuchEntity.Errorf("The service %s is not in the report.", notFound.Name)
		case "SAML private key":
			return awserr.NoSuchEntity.Errorf("The private key with id %s cannot be found.", notFound.Name)
		}
		return awserr.NoSuchEntity.Errorf("The %s with name %s cannot be found.", notFound.Kind, notFound.Name)
	case errors.As(err, &exists):
		switch exists.Kind {
		case "policy":
			return awserr.EntityAlreadyExists.Errorf("A policy called %s already exists. Duplicate names are not allowed.", exists.Name)
		case "account alias":
			return awserr.EntityAlreadyExists.Errorf("The account alias %s already exists.", exists.Name)
		case "login profile":
			return awserr.EntityAlreadyExists.Errorf("Login Profile for user %s already exists.", exists.Name)
		case "instance profile":
			return awserr.EntityAlreadyExists.Errorf("Instance Profile %s already exists.", exists.Name)
		case "server certificate":
			return awserr.EntityAlreadyExists.Errorf("The Server Certificate with name %s already exists.", exists.Name)
		case "MFA device":
			return awserr.EntityAlreadyExists.Errorf("MFA device already exists.")
		case "OpenID Connect provider": // by its URL
			return awserr.EntityAlreadyExists.Errorf("Provider with url %s already exists.", exists.Name)
		case "delegation request":
			return awserr.EntityAlreadyExists.Errorf("Delegation request with workflow id %s already exists.", exists.Name)
		case "SAML provider":
			return awserr.EntityAlreadyExists.Errorf("Provider with name %s already exists.", exists.Name)
		}
		return awserr.EntityAlreadyExists.Errorf("%s with name %s already exists.", titles[exists.Kind], exists.Name)
	case errors.As(err, &inUse):
		switch {
		case inUse.Kind == "policy" && inUse.By == "policy version":
			return awserr.DeleteConflict.Errorf("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		case inUse.Kind == "policy":
			return awserr.DeleteConflict.Errorf("Cannot delete a policy attached to entities.")
		case inUse.Kind == "policy version":
			return awserr.DeleteConflict.Errorf("Cannot delete the default version of a policy.")
		}
		if first, ok := conflicts[inUse.By]; ok {
			return awserr.DeleteConflict.Errorf("Cannot delete entity, must %s first.", first)
		}
		return awserr.DeleteConflict.Errorf("Cannot delete entity, must remove referenced objects first.")
	}
	return nil
}

// conflicts say what must be done before an entity can be deleted, by what still refers to it. For what is not here AWS
// only says that there are referenced objects.
var conflicts = map[string]string{
	"access key":          "delete access keys",
	"attached policy":     "detach all policies",
	"group":               "remove users from group",
	"inline policy":       "delete policies",
	"instance profile":    "remove roles from instance profile",
	"login profile":       "delete login profile",
	"MFA device":          "delete MFA device",
	"role":                "remove roles from instance profile",
	"signing certificate": "delete signing certificates",
	"user":                "remove users from group",
}

// titles are the kinds of entities as AWS writes them at the start of a sentence.
var titles = map[string]string{"user": "User", "role": "Role", "group": "Group"}

// policyError says what is wrong with a policy document, with AWS's code and sentence.
func policyError(err error) error {
	if err == nil {
		return nil
	}
	var fault *policy.Fault
	if !errors.As(err, &fault) {
		return err
	}
	switch fault.Code {
	case awserr.LimitExceeded.Name:
		return awserr.LimitExceeded.Errorf("%s", fault.Message)
	case awserr.ValidationError.Name:
		return awserr.ValidationError.Errorf("%s", fault.Message)
	case awserr.PackedPolicyTooLarge.Name:
		return awserr.PackedPolicyTooLarge.Errorf("%s", fault.Message)
	}
	return awserr.MalformedPolicyDocument.Errorf("%s", fault.Message)
}
