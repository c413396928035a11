package sigv4

import (
	"strings"
	"sync"
	"time"
)

// Family is the protocol family of a service: it decides the shape of an error answer and, within the order of
// checks, the few answers that differ.
type Family uint8

// The families. Query is the zero value because IAM and STS speak it.
const (
	Query    Family = iota // AWS Query: form in, XML out
	EC2                    // EC2's own Query dialect
	JSON10                 // application/x-amz-json-1.0
	JSON11                 // application/x-amz-json-1.1
	RESTJSON               // REST with JSON bodies
	RESTXML                // REST with XML bodies, other than S3
	S3                     // S3's REST and XML, with rules of its own
	CBOR                   // Smithy RPC v2 in CBOR, which requests name in Smithy-Protocol
)

// String returns the family's name as AWS's service models spell it.
func (f Family) String() string {
	switch f {
	case Query:
		return "query"
	case EC2:
		return "ec2"
	case JSON10:
		return "json-1.0"
	case JSON11:
		return "json-1.1"
	case RESTJSON:
		return "rest-json"
	case RESTXML:
		return "rest-xml"
	case S3:
		return "s3"
	case CBOR:
		return "smithy-rpc-v2-cbor"
	}
	return "unknown"
}

// Service is what verification has to know about one service of AWS.
type Service struct {
	// Name is the signing name, the one in a credential scope: "execute-api", not the host's "apigateway".
	Name string
	// Family is the protocol that the service answers in.
	Family Family
	// Window is how far a request's time may lie from the server's, either way.
	Window time.Duration
	// S3 services escape a path once and never clean it, take the payload hash from x-amz-content-sha256, refuse
	// unsigned x-amz-* headers, give presigned requests the lifetime that X-Amz-Expires says, and follow S3's
	// order of checks. The others escape the cleaned path twice and give a presigned request the window.
	S3 bool
	// Namespace is the XML namespace of the service's error documents, where it has one.
	Namespace string
	// Coral services prefix a JSON error's __type with "com.amazon.coral.service#".
	Coral bool
	// TokenAfterSigning services expect X-Amz-Security-Token to be added after a request was signed, so the
	// token takes no part in the signature. It is compared with the credential's all the same.
	TokenAfterSigning bool
	// TokenLast services look at the session token after the signature, not before.
	TokenLast bool
	// TrailingSlash services ignore slashes at the end of a Credential.
	TrailingSlash bool
	// UnsignedPayload services other than S3 accept UNSIGNED-PAYLOAD in a signed x-amz-content-sha256.
	UnsignedPayload bool
}

// Endpoint is what the server claims to be for one request: a service, and the Regions it stands for.
type Endpoint struct {
	Service
	// Region is the one Region that a credential scope may name, unless Regions is set; error messages that have
	// to name a Region name this one.
	Region string
	// Regions, when set, says for itself which Regions a credential scope may name.
	Regions func(region string) bool
}

// EndpointFor returns the endpoint of a service by its signing name. A service that is not in the table is taken
// for one of AWS's newer ones: REST-JSON with a window of 5 minutes. With an empty region the endpoint accepts
// every well formed Region and names us-east-1.
func EndpointFor(service, region string) Endpoint {
	s, known := Services()[service]
	if !known {
		s = Service{Name: service, Family: RESTJSON, Window: shortWindow}
	}
	if region == "" {
		return Endpoint{Service: s, Region: "us-east-1", Regions: AnyRegion}
	}
	return Endpoint{Service: s, Region: region}
}

// AnyRegion reports whether region could be the name of an AWS Region: two or more words of lower-case letters
// and digits joined by "-", as in us-gov-west-1 and aws-global.
func AnyRegion(region string) bool {
	if len(region) > 32 || !strings.Contains(region, "-") {
		return false
	}
	for word := range strings.SplitSeq(region, "-") {
		if word == "" {
			return false
		}
		for i := range len(word) {
			if c := word[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
				return false
			}
		}
	}
	return region[0] >= 'a'
}

// Allows reports whether a credential scope may name a Region.
func (e *Endpoint) Allows(region string) bool {
	if e.Regions != nil {
		return e.Regions(region)
	}
	return region == e.Region && region != ""
}

// allowsSet reports whether a SigV4A Region set covers this endpoint. "*" covers every Region; "us-*" covers what it
// looks like, which AWS does not document.
func (e *Endpoint) allowsSet(set string) bool {
	for entry := range strings.SplitSeq(set, ",") {
		entry = strings.Trim(entry, " \t")
		switch {
		case entry == "":
		case e.Region != "" && glob(entry, e.Region) && e.Allows(e.Region):
			return true
		case !strings.Contains(entry, "*") && e.Allows(entry):
			return true
		}
	}
	return false
}

// glob matches a pattern in which "*" stands for any run of characters.
func glob(pattern, s string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	for {
		next, more, wild := strings.Cut(rest, "*")
		if !wild {
			return strings.HasSuffix(s, rest)
		}
		i := strings.Index(s, next)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(next):], more
	}
}

const (
	longWindow  = 15 * time.Minute // STS, IAM, S3 and the services of the Query era
	shortWindow = 5 * time.Minute  // everything newer
)

// Services returns the table of services by signing name, which is shared and must not be changed. Families are those of
// AWS's service models; windows are those that AWS's own "Signature expired" messages show.
var Services = sync.OnceValue(services)

func services() map[string]Service {
	table := make(map[string]Service, 160)
	add := func(f Family, w time.Duration, names string) {
		for name := range strings.FieldsSeq(names) {
			table[name] = Service{Name: name, Family: f, Window: w}
		}
	}
	add(Query, longWindow, `sts iam sns autoscaling cloudformation cloudsearch elasticache elasticbeanstalk
		elasticloadbalancing rds redshift sdb importexport`)
	add(Query, shortWindow, `monitoring`)
	add(EC2, longWindow, `ec2`)
	add(JSON10, longWindow, `sqs`)
	add(JSON10, shortWindow, `codestar-connections compute-optimizer cloudcontrolapi proton dynamodb states swf apprunner network-firewall timestream
		verifiedpermissions cassandra`)
	add(JSON11, shortWindow, `kinesis firehose kms ssm secretsmanager logs events ecr ecs codebuild codecommit
		codepipeline codedeploy cognito-idp cognito-identity glue athena elasticmapreduce acm
		acm-pca config cloudtrail organizations servicecatalog servicediscovery sagemaker tagging transfer waf
		waf-regional wafv2 dax dms ds datasync directconnect fsx health inspector lightsail machinelearning mediastore
		opsworks rekognition textract comprehend comprehendmedical translate transcribe route53domains route53resolver
		shield storagegateway snowball support workspaces application-autoscaling ce cur budgets cloudhsm forecast
		kinesisanalytics personalize pricing servicequotas memorydb redshift-serverless 
		globalaccelerator license-manager identitystore
		aws-marketplace discovery mgh sms frauddetector `)
	add(RESTJSON, shortWindow, `lambda apigateway execute-api es aoss eks iot iotdata iotdevicegateway
		iotanalytics iotevents iotsitewise iotwireless batch backup cognito-sync guardduty ses xray glacier appsync amplify
		amplifybackend bedrock bedrock-agentcore scheduler pipes kafka kafkaconnect mq ram elasticfilesystem schemas sso
		vpc-lattice greengrass polly lex mediaconvert medialive mediapackage mediatailor access-analyzer account appconfig
		appflow aps grafana braket chime cleanrooms cloud9 codeartifact codeguru
		codeguru-profiler connect customer-profiles databrew dataexchange detective devops-guru dlm ebs elastictranscoder
		emr-containers emr-serverless evidently finspace fis geo imagebuilder inspector2 ivs kendra lakeformation
		macie2 managedblockchain mobiletargeting networkmanager nimble outposts panorama pca-connector-ad qldb quicksight
		rds-data resiliencehub resource-groups robomaker rolesanywhere s3tables s3vectors
		securityhub securitylake serverlessrepo signer signin ssm-incidents ssm-contacts synthetics tnb
		transcribestreaming wellarchitected wisdom workdocs worklink workmail arc-zonal-shift omics osis dsql auditmanager
		app-integrations resource-explorer-2 savingsplans docdb-elastic iot-jobs-data rum simspaceweaver supportapp neptune-db neptune-graph`)
	add(RESTXML, shortWindow, `route53 cloudfront`)
	for _, name := range []string{"s3", "s3express", "s3-object-lambda", "s3-outposts"} {
		table[name] = Service{Name: name, Family: S3, Window: longWindow, S3: true}
	}
	edit := func(name string, f func(*Service)) {
		s := table[name]
		f(&s)
		table[name] = s
	}
	for name, ns := range map[string]string{
		"sts":                  "https://sts.amazonaws.com/doc/2011-06-15/",
		"iam":                  "https://iam.amazonaws.com/doc/2010-05-08/",
		"sns":                  "http://sns.amazonaws.com/doc/2010-03-31/",
		"monitoring":           "http://monitoring.amazonaws.com/doc/2010-08-01/",
		"autoscaling":          "http://autoscaling.amazonaws.com/doc/2011-01-01/",
		"cloudformation":       "http://cloudformation.amazonaws.com/doc/2010-05-15/",
		"elasticache":          "http://elasticache.amazonaws.com/doc/2015-02-02/",
		"elasticbeanstalk":     "http://elasticbeanstalk.amazonaws.com/docs/2010-12-01/",
		"elasticloadbalancing": "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
		"rds":                  "http://rds.amazonaws.com/doc/2014-10-31/",
		"redshift":             "http://redshift.amazonaws.com/doc/2012-12-01/",
		"route53":              "https://route53.amazonaws.com/doc/2013-04-01/",
		"cloudfront":           "http://cloudfront.amazonaws.com/doc/2020-05-31/",
	} {
		edit(name, func(s *Service) { s.Namespace = ns })
	}
	for _, name := range []string{"dynamodb", "kinesis", "swf", "sqs"} {
		edit(name, func(s *Service) { s.Coral = true })
	}
	edit("dynamodb", func(s *Service) { s.TokenLast, s.TrailingSlash = true, true })
	edit("iotdevicegateway", func(s *Service) { s.TokenAfterSigning = true })
	for _, name := range []string{"ebs", "lex", "mediastore"} {
		edit(name, func(s *Service) { s.UnsignedPayload = true })
	}
	return table
}
