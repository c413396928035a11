// Package awsquery is the server's side of the AWS Query protocol, for IAM and STS.
//
// A request is a form (ParseForm), names an operation (Find), and is decoded into the SDK's own input struct
// (Unmarshal), which is then held against the constraints of the service model (Validate). An SDK output struct
// becomes the XML that AWS answers with (AppendResponse), an error the error document (MarshalError).
//
// Wire names, order of members and constraints come from the service models that botocore ships, stripped of
// prose and embedded. Bind ties an operation to its Go types, and Check says whether these agree with the model.
// The protocol: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
package awsquery

//go:generate go run ./gen
