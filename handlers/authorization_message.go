package handlers

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/auth"
	"gatehouse/awserr"
)

func authorizationMessageOperations() []operation {
	return []operation{detach((*STS).DecodeAuthorizationMessage, anything)}
}

// DecodeAuthorizationMessage decodes what this server, or an earlier one with the same database, has encoded.
func (s *STS) DecodeAuthorizationMessage(ctx context.Context, in *sts.DecodeAuthorizationMessageInput) (*sts.DecodeAuthorizationMessageOutput, error) {
	text, err := s.auth.DecodeMessage(ctx, *in.EncodedMessage)
	if errors.Is(err, auth.ErrMessage) {
		return nil, awserr.InvalidAuthorizationMessage.Errorf("Message is not valid")
	}
	if err != nil {
		return nil, err
	}
	return &sts.DecodeAuthorizationMessageOutput{DecodedMessage: &text}, nil
}
