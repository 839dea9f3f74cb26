"""Who is counted as wrong, on verdicts as the study keeps them."""

from benchmarks.compiler_zoo.tables import counts, truth, wrong

NO_VALUES = "Network has dynamic or shape inputs, but no optimization profile has been defined."
NO_PLUGIN = "DeformConv (it): Assertion failed: creator: Plugin not found"


def file(plan="taken", peer="likely", built=True, parsed=True, says=""):
    return {
        "plan": {"refused": plan == "refused", "says": ""},
        "trtcheck": {"verdict": peer, "says": ""},
        "judge": {"parsed": parsed, "built": built, "says": says},
    }


def test_a_file_that_is_refused_for_nothing_is_a_false_alarm_and_one_that_is_let_pass_a_miss():
    both = file("refused", "blocked")
    assert (wrong(both, "plan"), wrong(both, "trtcheck")) == ("false alarm", "false alarm")
    neither = file(built=False, parsed=False, says="Det (it): false")
    assert (wrong(neither, "plan"), wrong(neither, "trtcheck")) == ("miss", "miss")
    assert wrong(file("refused", "blocked", built=False), "plan") == ""


def test_what_the_builder_refuses_is_refused_unless_it_wants_the_caller_s_values():
    assert truth(file(built=False, says="no runners")) is False
    assert truth(file(built=False, says=NO_VALUES)) is True


def test_an_operator_that_the_judge_lacks_is_not_judged_unless_plan_refuses_the_file_too():
    assert truth(file(built=False, parsed=False, says=NO_PLUGIN)) is None
    assert wrong(file(built=False, parsed=False, says=NO_PLUGIN), "trtcheck") == ""
    assert truth(file("refused", built=False, parsed=False, says=NO_PLUGIN)) is False


def test_an_unverified_file_passes_and_the_miss_is_counted_as_such():
    files = [file(), file("refused", "unverified", built=False), file("refused", "likely", built=False)]
    row = counts(files)
    assert (row["files"], row["taken"], row["refused"], row["open"]) == (3, 1, 2, 0)
    assert (row["plan miss"], row["trtcheck miss"], row["unverified miss"]) == (0, 2, 1)
