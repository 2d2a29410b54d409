"""Every way by which something is delivered: its pattern, its retries, and the dead letters where it ends."""

import json

import pytest

from tests.infra.templates import STACK, Assembly, granting, only, resources, text

RULE = "AWS::Events::Rule"


def dead_letters(assembly: Assembly) -> str:
    (name,) = resources(assembly.primary, "AWS::SQS::Queue")
    return f"${{{name}.Arn}}"


@pytest.mark.parametrize("rule", ["NewWorkspaces", "EndedWorkspaces"])
def test_a_rules_target_is_protect_with_a_days_retries_and_a_dead_letter_queue(example: Assembly, rule: str) -> None:
    (target,) = only(example.primary, RULE, rule)["Targets"]
    assert text(target["Arn"]) == example.function("Protect")
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
    assert text(target["DeadLetterConfig"]["Arn"]) == dead_letters(example)


def test_the_dr_region_hands_terminations_to_the_primary_ones_bus(example: Assembly) -> None:
    (target,) = only(example.dr, RULE, "EndedWorkspaces")["Targets"]
    bus = "arn:aws:events:us-east-1:${AWS::AccountId}:event-bus/default"
    assert text(target["Arn"]) == bus
    (queue,) = resources(example.dr, "AWS::SQS::Queue")
    assert text(target["DeadLetterConfig"]["Arn"]) == f"${{{queue}.Arn}}"
    assert only(example.dr, "AWS::SQS::Queue")["SqsManagedSseEnabled"] is True
    (role,) = resources(example.dr, "AWS::IAM::Role")
    assert text(target["RoleArn"]) == f"${{{role}.Arn}}"
    assert granting(example.dr, role, "events:PutEvents").resources == [bus]
    policy = only(example.primary, "AWS::Events::EventBusPolicy")
    assert (policy["EventBusName"], policy["StatementId"]) == ("default", f"{STACK}-dr-ended-workspaces")
    assert text(policy["Statement"]["Principal"]["AWS"]) == "arn:aws:iam::${AWS::AccountId}:root"
    assert (policy["Statement"]["Action"], text(policy["Statement"]["Resource"])) == ("events:PutEvents", bus)


def test_only_the_rules_may_invoke_protect_from_outside(example: Assembly) -> None:
    found = [one["Properties"] for one in resources(example.primary, "AWS::Lambda::Permission").values()]
    assert {one["Principal"] for one in found} == {"events.amazonaws.com"}
    rules = sorted(text(one["SourceArn"]) for one in found)
    assert ["EndedWorkspaces" in rules[0], "NewWorkspaces" in rules[1], len(rules)] == [True, True, 2]


def test_what_protect_cannot_handle_is_retried_and_then_kept(example: Assembly) -> None:
    invocation = only(example.primary, "AWS::Lambda::EventInvokeConfig")
    assert invocation["MaximumRetryAttempts"] == 2
    assert invocation["MaximumEventAgeInSeconds"] == 21_600
    assert text(invocation["DestinationConfig"]["OnFailure"]["Destination"]) == dead_letters(example)


@pytest.mark.parametrize(
    ("assembly", "name", "rate"),
    [("example", "Watch", "15 minutes"), ("example", "Sweep", "1 hour"), ("everything", "Sweep", "15 minutes")],
    indirect=["assembly"],
)
def test_a_schedule_starts_each_state_machine(assembly: Assembly, name: str, rate: str) -> None:
    schedule = only(assembly.primary, "AWS::Scheduler::Schedule", name)
    assert schedule["Name"] == f"{STACK}-{name.lower()}"
    assert schedule["ScheduleExpression"] == f"rate({rate})"
    assert schedule["State"] == "ENABLED"
    target = schedule["Target"]
    assert text(target["Arn"]).startswith(f"${{{name}erMachine")
    assert target["Input"] == "{}"
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3_600, "MaximumRetryAttempts": 10}
    assert text(target["DeadLetterConfig"]["Arn"]) == dead_letters(assembly)


def test_the_stream_wakes_announce_for_transitions_and_holds_only(example: Assembly) -> None:
    mapping = only(example.primary, "AWS::Lambda::EventSourceMapping")
    patterns = [json.loads(each["Pattern"]) for each in mapping["FilterCriteria"]["Filters"]]
    assert patterns == [
        {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": prefix}]}}}}
        for prefix in ("EVENT#", "HOLD#")
    ]
    assert text(mapping["EventSourceArn"]).endswith(".StreamArn}")


def test_what_happens_within_a_minute_of_a_shard_is_one_batch(example: Assembly) -> None:
    mapping = only(example.primary, "AWS::Lambda::EventSourceMapping")
    assert (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"]) == (1000, 60)
    assert "ParallelizationFactor" not in mapping


def test_one_bad_record_neither_blocks_the_stream_nor_is_lost(example: Assembly) -> None:
    mapping = only(example.primary, "AWS::Lambda::EventSourceMapping")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    # A number of tries would be used up in minutes while the topic is away.
    assert "MaximumRetryAttempts" not in mapping
    assert mapping["MaximumRecordAgeInSeconds"] == 21_600
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert text(mapping["DestinationConfig"]["OnFailure"]["Destination"]) == dead_letters(example)


def test_the_queue_is_encrypted_keeps_14_days_and_refuses_plain_http(example: Assembly) -> None:
    queue = only(example.primary, "AWS::SQS::Queue")
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 86_400
    statements = only(example.primary, "AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in [s["Condition"] for s in statements if s["Effect"] == "Deny"]
    senders = [s for s in statements if s["Effect"] == "Allow"]
    assert len(senders) == 4  # the rules: of new desktops, of ended ones, and of failed executions of either machine
    for sender in senders:
        assert sender["Action"] == "sqs:SendMessage"
        assert "aws:SourceArn" in sender["Condition"]["ArnEquals"]


@pytest.mark.parametrize(("name", "title", "minutes"), [("Watch", "watcher", 15), ("Sweep", "sweep", 60)])
def test_executions_that_come_to_a_bad_end_are_told_in_a_sentence(
    example: Assembly, name: str, title: str, minutes: int
) -> None:
    rule = only(example.primary, RULE, f"FailedExecutions{name}")
    (arn,) = rule["EventPattern"]["detail"]["stateMachineArn"]
    assert text(arn).startswith(f"${{{name}erMachine")
    assert rule["EventPattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["FAILED", "TIMED_OUT", "ABORTED"], "stateMachineArn": [arn]},
    }
    (target,) = rule["Targets"]
    assert text(target["Arn"]).startswith("${NotificationsTopic")
    assert text(target["DeadLetterConfig"]["Arn"]) == dead_letters(example)
    sentence = target["InputTransformer"]["InputTemplate"]
    assert sentence.startswith(f'"WorkSpaces Standby, {STACK}: execution <detail-name> of the {title} ended as ')
    assert f"within {minutes} minutes" in sentence


def test_the_topic_is_encrypted_and_alarms_and_rules_may_use_it(example: Assembly) -> None:
    for template, publishers in (
        (example.primary, {"cloudwatch.amazonaws.com", "events.amazonaws.com"}),
        (example.dr, {"cloudwatch.amazonaws.com"}),
    ):
        (key,) = resources(template, "AWS::KMS::Key")
        assert text(only(template, "AWS::SNS::Topic")["KmsMasterKeyId"]) == f"${{{key}.Arn}}"
        assert only(template, "AWS::KMS::Key")["EnableKeyRotation"] is True
        key_users = only(template, "AWS::KMS::Key")["KeyPolicy"]["Statement"]
        publishing = only(template, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
        for statements in (key_users, publishing):
            services = {s["Principal"].get("Service") for s in statements if isinstance(s["Principal"], dict)}
            assert services - {None} == publishers
        assert {"Bool": {"aws:SecureTransport": "false"}} in [
            s["Condition"] for s in publishing if s["Effect"] == "Deny"
        ]


def test_eventbridge_may_publish_for_the_two_rules_and_use_the_key_for_the_topic_only(example: Assembly) -> None:
    rules = [name for name in resources(example.primary, RULE) if name.startswith("FailedExecutions")]
    topic_policy = only(example.primary, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    key_policy = only(example.primary, "AWS::KMS::Key")["KeyPolicy"]["Statement"]
    (condition,) = [s["Condition"] for s in topic_policy if "events" in text(s["Principal"])]
    assert sorted(map(text, condition["ArnEquals"]["aws:SourceArn"])) == sorted(f"${{{name}.Arn}}" for name in rules)
    # AWS does not support a source in a key's policy here.
    (condition,) = [s["Condition"] for s in key_policy if "events" in text(s["Principal"])]
    topics = f"arn:aws:sns:us-east-1:${{AWS::AccountId}}:{STACK}-*"
    assert text(condition["ArnLike"]["kms:EncryptionContext:aws:sns:topicArn"]) == topics


def test_each_address_is_subscribed_in_both_regions(example: Assembly) -> None:
    for template in (example.primary, example.dr):
        subscription = only(template, "AWS::SNS::Subscription")
        assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ops@example.com")


def test_an_existing_topic_is_used_in_its_region_and_the_dr_region_has_its_own(everything: Assembly) -> None:
    assert not resources(everything.primary, "AWS::SNS::Topic")
    assert not resources(everything.primary, "AWS::KMS::Key")
    existing = "arn:aws:sns:us-east-1:123456789012:ops"
    announce = only(everything.primary, "AWS::Lambda::Function", "Announce")
    assert announce["Environment"]["Variables"]["NOTIFICATION_TOPIC_ARN"] == existing
    assert len(resources(everything.dr, "AWS::SNS::Topic")) == 1
