"""The attack corpus on ordinary XML signatures: none is called intact, each is named."""

import pytest
from attack_corpus import ATTACKS, Attack
from enveloped_parts import judged, xmlsec_alone_says_yes

from gateway.store import FolderBlobs


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_every_attack_is_named_and_none_is_intact(attack: Attack, blobs: FolderBlobs) -> None:
    for number, packet in enumerate(attack.packets()):
        read, facts = judged(packet, blobs)
        named = [reason.code for reason in facts.reasons] + [finding.code for finding in read.findings]
        assert attack.code in named, (number, named)
        assert facts.intact is not True


@pytest.mark.parametrize("attack", [one for one in ATTACKS if one.fools_xmlsec], ids=lambda attack: attack.name)
def test_the_library_alone_would_have_said_yes(attack: Attack) -> None:
    assert all(map(xmlsec_alone_says_yes, attack.packets()))


def test_the_names_of_the_attacks_differ() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
