"""The plan of the trials with controls: complete, without repetition, the same for a seed."""

from itertools import chain

from tests.chaos.steering_plan import PROCESSES, ROUNDS_OF_ALL, STEPS, cases, rounds

ALL = cases([*PROCESSES, "postgres"])


def test_each_case_comes_once_before_one_comes_again():
    plan = list(rounds(2 * ROUNDS_OF_ALL, ALL, 1))
    first, second = plan[:ROUNDS_OF_ALL], plan[ROUNDS_OF_ALL:]
    assert len(ALL) == len({*ALL}) == 7 * ROUNDS_OF_ALL
    assert sorted(chain(*first)) == sorted(chain(*second)) == sorted(ALL)
    assert first != second


def test_a_round_kills_every_process_once():
    for planned in rounds(ROUNDS_OF_ALL, ALL, 1):
        assert sorted(case.killed for case in planned) == sorted([*PROCESSES, "postgres"])


def test_a_seed_decides_the_order():
    assert list(rounds(3, ALL, 1)) == list(rounds(3, ALL, 1)) != list(rounds(3, ALL, 2))


def test_of_what_is_chosen_each_comes_once_too():
    chosen = cases(PROCESSES, "worker pause")
    assert sorted(chain(*rounds(3, chosen, 1))) == sorted(chosen)
    assert [case.step for case in chosen] == list(STEPS["pause"])
    assert list(rounds(2, cases(PROCESSES, "no such process"), 1)) == [[], []]
