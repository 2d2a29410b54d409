"""The primary Region's stack: functions, state machines and ledger, and the topic, alarms and policies for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import CfnOutput, Duration, Environment, Stack, Tags
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations

from infra import permissions
from infra.alarms import PrimaryAlarms
from infra.dashboard import Dashboard
from infra.dead_letters import DeadLetters
from infra.failed_executions import FailedExecutions
from infra.functions import METRICS_NAMESPACE, FunctionSpec, StandbyFunction
from infra.ledger import Ledger
from infra.managed_policies import ManagedPolicies
from infra.notifications import Notifications
from infra.outbox import Outbox
from infra.state_machines import SWEEP, WATCH, MachineSpec, StandbyMachine, execution_arns, machine_arn
from infra.triggers import Triggers
from infra.version import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from constructs import Construct

    from infra.config import Pair


# Measured (`make bench`): a function's process with its clients takes about 54 MB. The rest gives CPU for imports,
# clients, and the transactions of 400 rows in protect and watch. A sweep waits for its pace most of its time, and the
# memory is billed while it waits. With 100,000 desktops it uses less than 100 MB.
MEMORY_MB: Final = {"protect": 512, "watch": 512, "sweep": 192, "announce": 256}
WATCH_EVERY: Final = Duration.minutes(15)


class PrimaryStack(Stack):
    """Rules and schedules → protect, watcher and sweep → ledger → outbox, with their alarms."""

    def __init__(self, scope: Construct, *, pair: Pair, account: str | None, bundle: Path) -> None:
        super().__init__(
            scope,
            pair.stack_name,
            env=Environment(account=account, region=pair.primary_region),
            termination_protection=True,
            description=f"WorkSpaces Standby {VERSION}: creates standbys in {pair.dr_region} for WorkSpaces here",
        )
        self.pair = pair
        # The CDK makes functions depend on their roles twice, by reference and by name.
        self.template_options.metadata = {"cfn-lint": {"config": {"ignore_checks": ["W3005"]}}}
        permissions.bound_roles(self, pair)
        self.notifications = Notifications(
            self,
            "Notifications",
            addresses=pair.notify,
            encrypts_all=pair.customer_managed_keys,
            existing_topic_arn=pair.notify_topic_arn,
        )
        self.encryption = self.notifications.encryption
        self.ledger = Ledger(self, "Ledger", pair=pair, key=self.encryption.key)
        self.dead_letters = DeadLetters(self, "DeadLetters", encryption=self.encryption).queue
        code = lambda_.Code.from_asset(str(bundle))
        self.protect = self._build_protect(code)
        self.watch = self._build_watch(code)
        self.sweep = self._build_sweep(code)
        self.announce = self._build_announce(code)
        self.functions = [self.protect, self.watch, self.sweep, self.announce]
        self.watcher = StandbyMachine(
            self,
            "Watcher",
            spec=MachineSpec(WATCH, title="watcher", every=WATCH_EVERY),
            work=self.watch,
            protect=self.protect,
            encryption=self.encryption,
        )
        self.sweeper = StandbyMachine(
            self,
            "Sweeper",
            spec=MachineSpec(SWEEP, title="sweep", every=Duration.minutes(pair.sweep_interval_minutes)),
            work=self.sweep,
            protect=self.protect,
            encryption=self.encryption,
        )
        self.machines = [self.watcher, self.sweeper]
        self.triggers = Triggers(
            self,
            "Triggers",
            pair=pair,
            protect=self.protect,
            machines=self.machines,
            dead_letters=self.dead_letters,
        )
        Outbox(self, "Outbox", ledger=self.ledger, announce=self.announce, dead_letters=self.dead_letters)
        self.failed_executions = FailedExecutions(
            self,
            "FailedExecutions",
            machines=self.machines,
            topic=self.notifications.topic,
            dead_letters=self.dead_letters,
        )
        self.notifications.let_rules_publish(self.failed_executions.rules)
        self.policies = ManagedPolicies(
            self,
            "People",
            pair=pair,
            notifications=self.notifications,
            dead_letters=self.dead_letters,
            protect=self.protect,
        )
        self._build_alarms()
        self._build_outputs()
        self.encryption.of_senders(self, "SchedulerRole")
        permissions.move_roles(self, pair)
        for key, value in pair.resource_tags.items():
            Tags.of(self).add(key, value)

    def _build_protect(self, code: lambda_.Code) -> StandbyFunction:
        protect = self._function(
            code,
            "protect",
            timeout=Duration.minutes(5),
            description="Decides what each primary needs, and requests its standby",
            WATCH_STATE_MACHINE_ARN=machine_arn(self, WATCH),
            DEAD_LETTER_QUEUE_URL=self.dead_letters.queue_url,
        )
        # Lambda queues EventBridge's events: a throttled or failed event is retried, then kept in the queue. The
        # destination also gives protect the permission to put events there that only a person can process.
        protect.function.configure_async_invoke(
            retry_attempts=2,
            max_event_age=Duration.hours(6),
            on_failure=destinations.SqsDestination(self.dead_letters),
        )
        permissions.describe_workspaces(protect, self.pair)
        permissions.read_tags(protect, self.pair)
        permissions.create_standbys(protect, self.pair)
        permissions.use_ledger(protect, self.ledger)
        permissions.find_rows(protect, self.ledger, "by_user")
        protect.allow("StartWatcher", ["states:StartExecution"], [machine_arn(self, WATCH)])
        protect.allow("DescribeExecutions", ["states:DescribeExecution"], [execution_arns(self, WATCH)])
        return protect

    def _build_watch(self, code: lambda_.Code) -> StandbyFunction:
        watch = self._function(
            code,
            "watch",
            timeout=Duration.minutes(5),
            description="Selects the open rows that are due, in one round",
            WATCH_STATE_MACHINE_ARN=machine_arn(self, WATCH),
        )
        permissions.use_ledger(watch, self.ledger)
        permissions.find_rows(watch, self.ledger, "by_due")
        permissions.put_metrics(watch, METRICS_NAMESPACE, self.pair.dr_region)
        watch.allow("DescribeExecutions", ["states:DescribeExecution"], [execution_arns(self, WATCH)])
        return watch

    def _build_sweep(self, code: lambda_.Code) -> StandbyFunction:
        sweep = self._function(
            code,
            "sweep",
            timeout=Duration.minutes(5),
            description="Checks one part of the fleet: its primaries and standbys",
            WATCH_STATE_MACHINE_ARN=machine_arn(self, WATCH),
        )
        permissions.describe_workspaces(sweep, self.pair)
        permissions.describe_directories(sweep, self.pair)
        permissions.read_tags(sweep, self.pair)
        permissions.use_ledger(sweep, self.ledger)
        permissions.find_rows(sweep, self.ledger, "by_status")
        permissions.ask_for_quota(sweep, self.pair)
        permissions.put_metrics(sweep, METRICS_NAMESPACE, self.pair.primary_region, self.pair.dr_region)
        both = [execution_arns(self, SWEEP), execution_arns(self, WATCH)]
        sweep.allow("DescribeExecutions", ["states:DescribeExecution"], both)
        sweep.allow("StartWatcher", ["states:StartExecution"], [machine_arn(self, WATCH)])
        return sweep

    def _build_announce(self, code: lambda_.Code) -> StandbyFunction:
        announce = self._function(
            code,
            "announce",
            timeout=Duration.minutes(1),
            description="Sends each change to the event bus, and a notice if a person is needed",
            NOTIFICATION_TOPIC_ARN=self.notifications.topic.topic_arn,
            EVENT_BUS_NAME="default",
        )
        bus = f"arn:{self.partition}:events:{self.region}:{self.account}:event-bus/default"
        announce.allow("Bus", ["events:PutEvents"], [bus], {"StringEquals": {"events:source": "workspaces-standby"}})
        self.notifications.grant_publish(announce)
        return announce

    def _function(
        self, code: lambda_.Code, name: str, *, timeout: Duration, description: str, **environment: str
    ) -> StandbyFunction:
        function = StandbyFunction(
            self,
            name.capitalize(),
            code=code,
            vpc=self.pair.vpc,
            encryption=self.encryption,
            spec=FunctionSpec(
                name=name,
                timeout=timeout,
                memory_mb=MEMORY_MB[name],
                description=description,
                environment={"LEDGER_TABLE": self.ledger.table.table_name, **environment},
            ),
        )
        permissions.use_network(function, self.pair)
        return function

    def _build_alarms(self) -> None:
        alarms = PrimaryAlarms(
            self,
            "Alarms",
            pair=self.pair,
            topic=self.notifications.topic,
            protect=self.protect,
            announce=self.announce,
            dead_letters=self.dead_letters,
            rules=[self.triggers.rule, self.triggers.ended, *self.failed_executions.rules],
        )
        Dashboard(
            self,
            "Overview",
            pair=self.pair,
            functions=self.functions,
            machines=self.machines,
            dead_letters=self.dead_letters,
            alarms=alarms.alarms,
        )

    def _build_outputs(self) -> None:
        outputs = {
            "LedgerTableName": self.ledger.table.table_name,
            "ProtectFunctionName": self.protect.function.function_name,
            "WatchFunctionName": self.watch.function.function_name,
            "WatchStateMachineArn": self.watcher.machine.state_machine_arn,
            "SweepStateMachineArn": self.sweeper.machine.state_machine_arn,
            "DeadLetterQueueUrl": self.dead_letters.queue_url,
            "NotificationTopicArn": self.notifications.topic.topic_arn,
            "EventRuleName": self.triggers.rule.rule_name,
            "ReaderPolicyArn": self.policies.reader.managed_policy_arn,
            "OperatorPolicyArn": self.policies.operator.managed_policy_arn,
            "ConfigDigest": self.pair.digest,
            "Version": VERSION,
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)
