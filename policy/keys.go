package policy

import (
	"strings"
	"sync"
)

// The tables of this file are facts of the Service Authorization Reference and the IAM User Guide (global condition
// keys), as of September 2026.

// multivaluedKeys are the condition keys whose type is a list, in lower case. They cannot be policy variables.
const multivaluedKeys = `
a4b:filters_devicetype account:accountresourceorgpaths account:alternatecontacttypes acm:domainnames
airflow:teamnames apigateway:request/apikeyrequired apigateway:request/authorizertype
apigateway:request/authorizeruri apigateway:request/conditionbasepaths apigateway:request/endpointtype
apigateway:request/routeauthorizationtype apigateway:request/securitypolicy apigateway:resource/apikeyrequired
apigateway:resource/authorizertype apigateway:resource/authorizeruri apigateway:resource/conditionbasepaths
apigateway:resource/endpointtype apigateway:resource/routeauthorizationtype apigateway:resource/securitypolicy
autoscaling:capacityreservationids autoscaling:capacityreservationresourcegrouparns autoscaling:loadbalancernames
autoscaling:targetcapacitytypes autoscaling:targetgrouparns autoscaling:trafficsourceidentifiers
autoscaling:vpczoneidentifiers aws-marketplace:agreementtype aws-marketplace:productid aws:calledvia
aws:principalorgpaths aws:principalservicenameslist aws:resourceorgpaths aws:sourceorgpaths aws:tagkeys
aws:vpceorgpaths backup:copytargetorgpaths backup:copytargets backup:frameworkarns
bedrock-agentcore:allowedqueryparameters bedrock-agentcore:allowedrequestheaders
bedrock-agentcore:allowedresponseheaders bedrock-agentcore:credentialproviderscope
bedrock-agentcore:inboundjwtclaim/aud bedrock-agentcore:inboundjwtclaim/scope bedrock-agentcore:securitygroups
bedrock-agentcore:subnets bedrock-mantle:files cloudformation:resourcetypes cloudformation:targetregion
cloudshell:securitygroupids cloudshell:subnetids cloudshell:vpcids cloudwatch:alarmactions
cloudwatch:requestinsightruleloggroups cloudwatch:requestmanagedresourcearns
codebuild:buildbatchconfig.restrictions.computetypesallowed codebuild:buildbatchconfig.restrictions.fleetsallowed
codebuild:cache.modes codebuild:environment.environmentvariables.name
codebuild:environment.environmentvariables.value codebuild:filesystemlocations.identifier
codebuild:filesystemlocations.location codebuild:filesystemlocations.type
codebuild:secondaryartifacts.artifactidentifier codebuild:secondaryartifacts.bucketowneraccess
codebuild:secondaryartifacts.encryptiondisabled codebuild:secondaryartifacts.location
codebuild:secondarysources.auth.resource codebuild:secondarysources.auth.type
codebuild:secondarysources.buildstatusconfig.context codebuild:secondarysources.buildstatusconfig.targeturl
codebuild:secondarysources.insecuressl codebuild:secondarysources.location
codebuild:secondarysources.sourceidentifier codebuild:vpcconfig.securitygroupids codebuild:vpcconfig.subnets
cognito-identity.amazonaws.com:amr comprehend:vpcsecuritygroupids comprehend:vpcsubnets connect:flowtype
connect:listrealtimecontactanalysissegmentsbysegmenttype connect:monitorcapabilities
connect:searchcontactsbycontactanalysis datapipeline:pipelinecreator datapipeline:workergroup
deadline:farmmembershiplevels deadline:fleetmembershiplevels deadline:jobmembershiplevels
deadline:queuemembershiplevels devops-guru:servicenames dsql:fistargetarns dynamodb:attributes
dynamodb:firstpartitionkeyvalues dynamodb:fistargetarns dynamodb:fourthpartitionkeyvalues dynamodb:leadingkeys
dynamodb:secondpartitionkeyvalues dynamodb:thirdpartitionkeyvalues ec2:fistargetarns ec2:ikeversions
ec2:phase1dhgroup ec2:phase1encryptionalgorithms ec2:phase1integrityalgorithms ec2:phase2dhgroup
ec2:phase2encryptionalgorithms ec2:phase2integrityalgorithms ec2:vpceprivatednsspecifieddomains
ecs:capacity-provider ecs:compute-compatibility ecs:subnet eks:encryptionconfigproviderkeyarns eks:kubernetesgroups
eks:namespaces elasticloadbalancing:listenerprotocol elasticloadbalancing:securitygroup
elasticloadbalancing:securitypolicy elasticloadbalancing:subnet events:detail-type events:eventbusarn events:source
events:targetarn fis:operations fis:targets geo:deviceids geo:geofenceids glue:securitygroupids glue:subnetids
glue:vpcids iam:accountpropertynamespaces identitystore:groupexternalidissuers identitystore:groupid
identitystore:userexternalidissuers identitystore:userid imagebuilder:createdresourcetagkeys iot:thinggrouparn
iot:tunneldestinationservice iotfleetwise:signals iotsitewise:taskarns iottwinmaker:linkedservices
kinesis:fistargetarns kms:encryptioncontextkeys kms:grantoperations kms:resourcealiases lambda:layer
lambda:securitygroupids lambda:subnetids lex:associatedintents lex:associatedslottypes
logs:loggeneratingresourcearns networkmanager:edgelocations networkmanager:subnetarns oam:resourcetypes
observabilityadmin:centralizationsourceid observabilityadmin:centralizationsourceregions
partnercentral-account-management:legacypartnercentralrole partnercentral-account-management:marketingcentralrole
partnercentral-account-management:proserverole partnercentral:fulfillmenttypes partnercentral:programs
payment-cryptography:resourcealiases pi:dimensions quicksight:allowedembeddingdomains quicksight:kmskeyarns
refactor-spaces:createdbyaccountids route53:changeresourcerecordsetsactions
route53:changeresourcerecordsetsnormalizedrecordnames route53:changeresourcerecordsetsrecordtypes
s3:inventoryaccessibleoptionalfields s3:requestobjecttagkeys s3express:inventoryaccessibleoptionalfields
s3express:permissions sagemaker:acceleratortypes sagemaker:customermetadatapropertiestoremove sagemaker:imagearns
sagemaker:imageversionarns sagemaker:instancetypes sagemaker:notebookinstancelifecycleconfigarns
sagemaker:studiolifecycleconfigarns sagemaker:updatablefeatures sagemaker:vpcsecuritygroupids sagemaker:vpcsubnets
saml:cn saml:eduorghomepageuri saml:eduorgidentityauthnpolicyuri saml:eduorglegalname saml:eduorgsuperioruri
saml:eduorgwhitepagesuri saml:edupersonaffiliation saml:edupersonassurance saml:edupersonentitlement
saml:edupersonnickname saml:edupersonorgunitdn saml:edupersonscopedaffiliation saml:edupersontargetedid
secretsmanager:addreplicaregions ses:configurationsetoptions ses:recipients ses:replicaregion ssm:documentcategories
ssm:documentversion ssm:inventorytypename states:statemachinequalifier sts:identitytokenaudience
sts:requestcontextproviders sts:transitivetagkeys synthetics:names transfer:requestserverprotocols
vpc-lattice:privatednsspecifieddomains vpc-lattice:securitygroupids vpc-lattice:targetgrouparns
wisdom:messagetemplate/routingprofilearn wisdom:searchfilter/qualifier
`

// multivaluedPrefixes are the list keys that end in a name of the caller's.
var multivaluedPrefixes = []string{"events:metadata/", "vpc-lattice-svcs:requestquerystring/"}

// rcpServices are the service prefixes whose actions resource control policies restrict. IAM, SNS and Lambda are not
// among them.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
const rcpServices = `
aoss appconfig appstream autoscaling autoscaling-plans budgets clouddirectory cloudfront cloudsearch cloudtrail-data
codeartifact codebuild codecommit codepipeline cognito-identity cognito-idp comprehend comprehendmedical
compute-optimizer cost-optimization-hub dax dsql dynamodb ecr ecr-public events firehose fis fms gamelift health
inspector-scan kendra kinesisvideo kms logs memorydb networkmonitor notifications opensearch pca-connector-ad
personalize polly pricing resource-groups rolesanywhere s3 secretsmanager servicediscovery signin sqs sts support
swf textract timestream-influxdb transcribe transfer translate wafv2 workspaces xray
`

var keyTable = sync.OnceValue(func() map[string]bool { return words(multivaluedKeys) })

var rcpTable = sync.OnceValue(func() map[string]bool { return words(rcpServices) })

func words(list string) map[string]bool {
	table := make(map[string]bool)
	for _, w := range strings.Fields(list) {
		table[w] = true
	}
	return table
}

// multivalued reports whether the values of a folded key are a list by the key's type.
func multivalued(folded string) bool {
	if keyTable()[folded] {
		return true
	}
	// "The amr claim ... is multivalued" for every OpenID Connect provider (IAM User Guide, keys for web identity).
	if strings.HasSuffix(folded, ":amr") {
		return true
	}
	for _, p := range multivaluedPrefixes {
		if strings.HasPrefix(folded, p) {
			return true
		}
	}
	return false
}

// rcpApplies reports whether resource control policies restrict the actions of a service.
func rcpApplies(service string) bool { return rcpTable()[lowerASCII(service)] }
