package catalog

import (
	"slices"
	"strings"
)

// untracked are actions that AWS keeps no time of the last access of, beside PassRole and its like: calls about the data
// in a resource, which CloudTrail calls data events. The package that the catalogue is made from does not say which they
// are; these are those of the services that are put behind a gateway most.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed-action-last-accessed.html
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html
var untracked = map[string][]string{
	"dynamodb": {
		"BatchGetItem", "BatchWriteItem", "ConditionCheckItem", "DeleteItem", "GetItem", "GetRecords", "GetShardIterator", "PartiQLDelete",
		"PartiQLInsert", "PartiQLSelect", "PartiQLUpdate", "PutItem", "Query", "Scan", "UpdateItem",
	},
	"execute-api": {"InvalidateCache", "Invoke", "ManageConnections"},
	"firehose":    {"PutRecord", "PutRecordBatch"},
	"kinesis":     {"GetRecords", "GetShardIterator", "PutRecord", "PutRecords", "SubscribeToShard"},
	"lambda":      {"InvokeAsync", "InvokeFunction", "InvokeFunctionUrl"},
	"logs":        {"PutLogEvents"},
	"s3":          {"ListBucket", "ListBucketMultipartUploads", "ListBucketVersions"}, // and all that is on an object
	"sns":         {"Publish"},
	"sqs":         {"ChangeMessageVisibility", "DeleteMessage", "ReceiveMessage", "SendMessage"},
}

// Tracked reports whether AWS keeps when the action was last accessed. A permission that is no call, such as iam:PassRole,
// and calls about the data in a resource are not tracked.
func (a ActionDetail) Tracked() bool {
	if strings.HasPrefix(a.Name, "Pass") || slices.Contains(untracked[a.Service], a.Name) {
		return false
	}
	onObject := func(r ActionResource) bool { return r.Name == "object" }
	return a.Service != "s3" || !slices.ContainsFunc(a.ResourceTypes, onObject)
}
