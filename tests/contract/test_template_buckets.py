"""template.yaml: who may read the buckets, for how long they keep what, and how images reach browsers."""

from typing import Any

import pytest

from process.codec.formats import CONTENT_TYPES
from tests.support.template import as_list, of_type, target

Resource = dict[str, Any]

#: The conditions of a stack with its own CloudFront, under AWS's name or a deployer's, and of the embedded one.
ON_AWS = {"IsAws": True, "IsLocal": False, "OwnDistribution": True, "OwnDomain": False, "ImagesExpire": False}
WITH_DOMAIN = ON_AWS | {"OwnDomain": True, "ImagesExpire": True}
WITH_OTHER_FRONT = ON_AWS | {"OwnDistribution": False}
LOCAL = {"IsAws": False, "IsLocal": True, "OwnDistribution": False, "OwnDomain": False, "ImagesExpire": False}
STACKS = pytest.mark.parametrize("conditions", [ON_AWS, WITH_DOMAIN, WITH_OTHER_FRONT])

NO_VALUE = {"Ref": "AWS::NoValue"}


def decided(value: Any, conditions: dict[str, bool]) -> Any:
    """A part of the template with its `Fn::If`s decided."""
    if isinstance(value, list):
        return [decided(item, conditions) for item in value if decided(item, conditions) != NO_VALUE]
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        condition, yes, no = value["Fn::If"]
        return decided(yes if conditions.get(condition) else no, conditions)
    pairs = {name: decided(item, conditions) for name, item in value.items()}
    return {name: item for name, item in pairs.items() if item != NO_VALUE}


def resources(template: Resource, kind: str, conditions: dict[str, bool]) -> dict[str, Resource]:
    """Properties of the resources of a kind that a stack has."""
    return {
        name: decided(properties, conditions)
        for name, properties in of_type(template, kind).items()
        if conditions.get(template["Resources"][name].get("Condition"), True)
    }


def bucket_statements(template: Resource, bucket: str, conditions: dict[str, bool]) -> list[Resource]:
    policies = resources(template, "AWS::S3::BucketPolicy", conditions).values()
    return [
        statement
        for policy in policies
        if target(policy["Bucket"]) == bucket
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def output_base_url(template: Resource, conditions: dict[str, bool]) -> Any:
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    return decided(variables["OUTPUT_BASE_URL"], conditions)


@STACKS
def test_no_bucket_is_public_on_aws(template, conditions):
    buckets = resources(template, "AWS::S3::Bucket", conditions)

    assert set(buckets) == {"CatalogueBucket", "ImageBucket"}
    for name, bucket in buckets.items():
        block = bucket["PublicAccessBlockConfiguration"]
        assert block == dict.fromkeys(
            ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
        ), name
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        assert not {"AccessControl", "WebsiteConfiguration"} & set(bucket), name


@STACKS
def test_every_bucket_refuses_whoever_comes_without_tls(template, conditions):
    for name in resources(template, "AWS::S3::Bucket", conditions):
        [deny] = [each for each in bucket_statements(template, name, conditions) if each["Effect"] == "Deny"]
        assert (deny["Principal"], deny["Action"]) == ("*", "s3:*")
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": False}}
        assert deny["Resource"] == [{"Fn::GetAtt": f"{name}.Arn"}, {"Fn::Sub": f"${{{name}.Arn}}/*"}]


@STACKS
def test_cloudfront_of_this_stack_reads_images_and_nobody_else_anything(template, conditions):
    allowed = {
        name: [each for each in bucket_statements(template, name, conditions) if each["Effect"] == "Allow"]
        for name in ("CatalogueBucket", "ImageBucket")
    }

    assert allowed["CatalogueBucket"] == []
    if not conditions["OwnDistribution"]:
        assert allowed["ImageBucket"] == []
        return
    [reading] = allowed["ImageBucket"]
    assert reading["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert (reading["Action"], reading["Resource"]) == ("s3:GetObject", {"Fn::Sub": "${ImageBucket.Arn}/images/*"})
    assert "distribution/${Distribution}" in reading["Condition"]["StringEquals"]["aws:SourceArn"]["Fn::Sub"]


def test_locally_images_alone_are_read_by_anyone(template):
    statements = bucket_statements(template, "ImageBucket", LOCAL)

    assert [(each["Principal"], each["Action"], each["Resource"]) for each in statements] == [
        ("*", "s3:GetObject", {"Fn::Sub": "${ImageBucket.Arn}/images/*"})
    ]
    assert bucket_statements(template, "CatalogueBucket", LOCAL) == []


@STACKS
def test_everything_at_rest_is_encrypted(template, conditions):
    for bucket in resources(template, "AWS::S3::Bucket", conditions).values():
        [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in {"AES256", "aws:kms"}
    for queue in resources(template, "AWS::SQS::Queue", conditions).values():
        assert queue["SqsManagedSseEnabled"] is True
    for table in resources(template, "AWS::DynamoDB::Table", conditions).values():
        assert table["SSESpecification"] == {"SSEEnabled": True}


@STACKS
def test_catalogues_go_with_their_job_and_versions_and_unfinished_parts_soon_after(template, conditions):
    catalogue = resources(template, "AWS::S3::Bucket", conditions)["CatalogueBucket"]
    expire, *old, clear = catalogue["LifecycleConfiguration"]["Rules"]
    days = {rule["Prefix"]: rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in old}

    assert catalogue["VersioningConfiguration"] == {"Status": "Enabled"}
    assert {rule["Status"] for rule in (expire, *old, clear)} == {"Enabled"}
    assert expire["ExpirationInDays"] == {"Ref": "RetentionDays"}
    # What hides a job's CSV is removed by an event; should that be lost, the job still has its CSV to its end.
    assert days == {"uploads/": {"Ref": "RetentionDays"}, "outputs/": 1, "inbox/": 1, "outbox/": 1}
    assert clear["ExpiredObjectDeleteMarker"] is True
    # The report writes its output in parts: what is left of one that died costs money and holds products.
    assert expire["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


@STACKS
def test_images_stay_unless_a_deployer_says_otherwise(template, conditions):
    images = resources(template, "AWS::S3::Bucket", conditions)["ImageBucket"]

    rules = images.get("LifecycleConfiguration", {}).get("Rules", [])
    assert [rule["ExpirationInDays"] for rule in rules] == (
        [{"Ref": "ImageRetentionDays"}] if conditions["ImagesExpire"] else []
    )
    assert "VersioningConfiguration" not in images


def test_cloudfront_signs_what_it_reads_and_speaks_https_alone(template):
    [access] = resources(template, "AWS::CloudFront::OriginAccessControl", ON_AWS).values()
    [distribution] = resources(template, "AWS::CloudFront::Distribution", ON_AWS).values()
    config = distribution["DistributionConfig"]

    signing = access["OriginAccessControlConfig"]
    assert (signing["SigningBehavior"], signing["SigningProtocol"]) == ("always", "sigv4")
    assert [target(origin["OriginAccessControlId"]) for origin in config["Origins"]] == ["DistributionAccess"]
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
    assert "CacheBehaviors" not in config


def test_no_browser_takes_an_image_for_a_page(template):
    [policy] = resources(template, "AWS::CloudFront::ResponseHeadersPolicy", ON_AWS).values()
    [distribution] = resources(template, "AWS::CloudFront::Distribution", ON_AWS).values()
    headers = policy["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]

    behaviour = distribution["DistributionConfig"]["DefaultCacheBehavior"]
    assert target(behaviour["ResponseHeadersPolicyId"]) == "ImageHeaders"
    assert headers["ContentTypeOptions"] == {"Override": True}
    assert headers["ContentSecurityPolicy"] == {
        "ContentSecurityPolicy": "default-src 'none'; sandbox",
        "Override": True,
    }
    assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31_536_000
    assert all(header["Override"] for header in headers.values())
    assert all(kind.startswith("image/") and "svg" not in kind for kind in CONTENT_TYPES.values())


def test_a_domain_of_ones_own_comes_with_its_certificate_and_names_the_images(template):
    [distribution] = resources(template, "AWS::CloudFront::Distribution", WITH_DOMAIN).values()
    config = distribution["DistributionConfig"]

    assert config["Aliases"] == [{"Ref": "ImageDomainName"}]
    assert config["ViewerCertificate"] == {
        "AcmCertificateArn": {"Ref": "ImageCertificateArn"},
        "SslSupportMethod": "sni-only",
        "MinimumProtocolVersion": "TLSv1.2_2021",
    }
    assert output_base_url(template, WITH_DOMAIN) == {"Fn::Sub": "https://${ImageDomainName}"}
    assertion = template["Rules"]["DomainHasCertificate"]["Assertions"][0]
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "ImageCertificateArn"}, ""]}]}


def test_without_one_cloudfronts_own_name_or_the_deployers_front_names_the_images(template):
    [distribution] = resources(template, "AWS::CloudFront::Distribution", ON_AWS).values()

    assert distribution["DistributionConfig"]["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
    assert "Aliases" not in distribution["DistributionConfig"]
    assert output_base_url(template, ON_AWS) == {"Fn::Sub": "https://${Distribution.DomainName}"}
    assert output_base_url(template, WITH_OTHER_FRONT) == {"Ref": "OutputBaseUrl"}
    assert resources(template, "AWS::CloudFront::Distribution", WITH_OTHER_FRONT) == {}


@STACKS
def test_the_output_names_where_images_are(template, conditions):
    assert decided(template["Outputs"]["OutputBaseUrl"]["Value"], conditions) == output_base_url(template, conditions)


#: Of resources whose policy it is, so of all that these are.
TLS_ONLY = {
    "Sid": "TlsOnly",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": "*",
    "Condition": {"Bool": {"aws:SecureTransport": False}},
}


def test_every_queue_refuses_whoever_comes_without_tls(template):
    refusing = [
        target(queue)
        for policy in resources(template, "AWS::SQS::QueuePolicy", ON_AWS).values()
        if TLS_ONLY in policy["PolicyDocument"]["Statement"]
        for queue in policy["Queues"]
    ]

    assert sorted(refusing) == sorted(of_type(template, "AWS::SQS::Queue"))
    assert not any(
        TLS_ONLY in policy["PolicyDocument"]["Statement"]
        for policy in resources(template, "AWS::SQS::QueuePolicy", LOCAL).values()
    )


def test_no_queue_takes_messages_from_strangers(template):
    for policy in of_type(template, "AWS::SQS::QueuePolicy").values():
        for statement in decided(policy["PolicyDocument"]["Statement"], LOCAL):
            if statement == TLS_ONLY:
                continue
            assert statement["Effect"] == "Allow"
            assert as_list(statement["Action"]) == ["sqs:SendMessage"]
            assert set(statement["Condition"]) == {"ArnEquals", "StringEquals"}
