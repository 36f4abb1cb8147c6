from menshen.standins.script import Fault, Script


def test_faults_are_taken_once_and_in_their_order() -> None:
    script = Script()
    faults = [Fault(fault="error_500"), Fault(fault="refuse"), Fault(fault="error_500")]
    for fault in faults:
        script.add(fault)
    assert [script.take("p1") for _ in range(4)] == [*faults, None]


def test_a_fault_for_one_payee_waits_for_a_transfer_to_it() -> None:
    script = Script()
    mine, anybodys = Fault(fault="refuse", payee_ref="p1"), Fault(fault="error_500")
    script.add(mine)
    assert script.take("p2") is None
    script.add(anybodys)
    assert script.take("p2") == anybodys
    assert script.waiting() == [mine]
    assert script.take("p1") == mine
    assert script.waiting() == []
