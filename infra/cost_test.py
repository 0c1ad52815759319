"""Tests of the calculator beside this file. Run: python3 -m unittest discover infra '*_test.py'"""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import pathlib
import re
import sys
import unittest

HERE = pathlib.Path(__file__).parent


def load():
    # The command has no suffix to be found by, and should leave no compiled copy beside itself.
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("cost", str(HERE / "cost"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("cost", loader))
    loader.exec_module(module)
    return module


cost = load()


def run(*arguments):
    """What the command prints, and with which code it ends."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cost.main(list(arguments))
        except SystemExit as end:
            code = end.code
    return out.getvalue(), err.getvalue(), code


def bill(*settings):
    arguments = [word for setting in settings for word in ("--set", setting)]
    return json.loads(run("--json", *arguments)[0])


class Arithmetic(unittest.TestCase):
    def item(self, report, path, name):
        rows = report["per_million_events"][path]["items"]
        return next(row["dollars"] for row in rows if row["item"] == name)

    def test_a_line_is_count_times_price(self):
        report = bill("happy.wru=6", "price.dynamodb_wru=0.000001")
        self.assertAlmostEqual(self.item(report, "happy", "DynamoDB write units"), 6.0)

    def test_gb_seconds_come_from_invocations_time_and_memory(self):
        report = bill("happy.deliver_invocations=0.1", "stack.deliver_ms=400",
                      "stack.deliver_mb=512", "price.lambda_gb_second=0.00001")
        line = self.item(report, "happy", "Lambda GB-seconds, deliver")
        self.assertAlmostEqual(line, 1e6 * 0.1 * 0.4 * 0.5 * 0.00001)

    def test_large_messages_count_by_chunk(self):
        line = "SQS requests, fair"
        small = self.item(bill("stack.message_bytes=65536"), "happy", line)
        self.assertAlmostEqual(self.item(bill("stack.message_bytes=65537"), "happy", line),
                               2 * small)

    def test_a_retry_adds_to_the_happy_path(self):
        report = bill("happy.wru=6", "retry.wru=4", "price.dynamodb_wru=0.000001")
        self.assertAlmostEqual(self.item(report, "one_retry", "DynamoDB write units"), 10.0)
        self.assertEqual(self.item(report, "happy", "API Gateway requests"),
                         self.item(report, "one_retry", "API Gateway requests"))

    def test_totals_are_sums(self):
        report = bill()
        for bills in (*report["per_million_events"].values(), report["per_month"]):
            self.assertAlmostEqual(bills["dollars"], sum(row["dollars"] for row in bills["items"]))


class CommandLine(unittest.TestCase):
    def test_the_table_is_aligned(self):
        lines = run()[0].splitlines()
        bodies = [line for line in lines if re.search(r"\d$", line)]
        self.assertLessEqual(len({len(line) for line in bodies}), 2)

    def test_what_cannot_be_set_is_refused(self):
        for setting in ("wru=1", "happy.wrus=1", "happy.wru=many", "happy.wru=-1", "happy.wru=nan",
                        "stack.sweep_every_s=0"):
            out, err, code = run("--set", setting)
            self.assertEqual((out, code), ("", 2), setting)
            self.assertIn(setting.split("=")[0], err)

    def test_names_lists_what_can_be_set(self):
        for line in run("--names")[0].splitlines():
            name, value = line.split()
            if name != "stack.sweep_every_s":
                self.assertEqual(run("--set", f"{name}=0")[2], 0, name)


class Template(unittest.TestCase):
    def test_memory_and_alarms_are_those_of_the_template(self):
        text = (HERE / "template.yaml").read_text()
        for function in ("ingest", "deliver", "sweep"):
            block = text.split(f"CodeUri: ../target/lambda/{function}\n")[1]
            memory = int(re.search(r"MemorySize: (\d+)", block)[1])
            self.assertEqual(cost.STACK[f"{function}_mb"], memory, function)
        self.assertEqual(cost.STACK["alarms"], text.count("Type: AWS::CloudWatch::Alarm\n"))

    def test_metrics_are_those_of_the_sweep(self):
        code = (HERE / "../functions/sweep/src/metrics.rs").read_text()
        self.assertEqual(cost.STACK["metrics"], len(re.findall(r'metric\("', code)))


if __name__ == "__main__":
    unittest.main()
