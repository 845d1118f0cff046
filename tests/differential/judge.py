"""Compares what reached the origin with what should have: the rules that the edge must keep."""
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import answers
import origin
import strict

# A head written anew has none of these as received; Connection only beside an upgrade.
HOP_BY_HOP = {b"keep-alive", b"proxy-connection", b"te", b"trailer", b"proxy-authorization"}


@dataclass
class Verdict:
    failures: list = field(default_factory=list)
    # group -> Counter of "same", "lenient" (forwarded what a strict reader refuses),
    # "stricter" (refused what it accepts), "broken" (bytes reached the origin that are no request)
    table: dict = field(default_factory=lambda: defaultdict(Counter))


def judge(cases, kept: origin.Origin, *, writes_anew: bool) -> Verdict:
    verdict = Verdict()
    by_number = {case.number: case for case in cases}
    arrived = defaultdict(list)
    for request in kept.requests:
        arrived[origin.case_of_request(request)].append(request)
    for request in arrived.pop(None, []):
        verdict.failures.append(f"a request of no case reached the origin: {request.target!r}")
    for case in cases:
        judge_case(case, arrived[case.number], verdict)
    for record in kept.records:
        judge_record(record, by_number, verdict, writes_anew)
    return verdict


def judge_case(case, requests, verdict):
    got = [request.summary() for request in requests]
    wanted = [request.summary() for request in case.reading.requests]
    row = verdict.table[case.group]
    if got == wanted or case.either and got == wanted[:len(got)]:
        row["same"] += 1
        return
    if len(got) < len(wanted) and got == wanted[:len(got)]:
        row["stricter"] += 1
        what = "was refused although valid"
    else:
        row["lenient"] += 1
        what = "was forwarded although ambiguous, or changed"
    verdict.failures.append(f"{case.group} {case.number} {what}\n"
                            f"    sent    {case.raw[:300]!r}\n"
                            f"    reading {case.reading.stopped}, {wanted!r:.300}\n"
                            f"    arrived {got!r:.300}")


def judge_record(record, by_number, verdict, writes_anew):
    if record.finding:
        number = origin.case_of(record.partial)
        group = by_number[number].group if number in by_number else "unknown"
        verdict.table[group]["broken"] += 1
        verdict.failures.append(f"{group} {number}: no strict request reached the origin "
                                f"({record.finding}): {record.partial[:300]!r}")
    elif record.partial:
        judge_partial(record.partial, by_number, verdict)
    if writes_anew:
        for request in record.requests:
            problem = not_written_anew(request)
            if problem:
                verdict.failures.append(f"{request.target!r} was not written anew: {problem}")


def judge_partial(partial, by_number, verdict):
    """An unfinished request is fine if the client's was unfinished or went wrong in its body."""
    number = origin.case_of(partial)
    case = by_number.get(number)
    if case and (case.reading.in_body or case.either):
        return
    verdict.table[case.group if case else "unknown"]["broken"] += 1
    verdict.failures.append(
        f"half a request of case {number} reached the origin: {partial[:300]!r}")


def not_written_anew(request) -> str:
    names = Counter(name for name, _ in request.fields)
    if request.extensions:
        return "a chunk extension was passed on"
    for name in HOP_BY_HOP & set(names):
        return f"{name!r} was passed on"
    if names[b"connection"] and not names[b"upgrade"]:
        return "Connection was passed on"
    for name in (b"x-forwarded-for", b"x-forwarded-proto", b"traceparent"):
        if names[name] != 1:
            return f"{name!r} is there {names[name]} times"
    return ""


def judge_answers(rows, seen: dict) -> list:
    """`seen`: number -> (status, all bytes that the client got)."""
    failures = []
    for row in rows:
        status, received = seen[row.number]
        if row.reading:
            problem = not_as_read(row.reading, received)
            if problem:
                failures.append(f"answer {row.raw[:200]!r}: {problem}: {received[:300]!r}")
            continue
        if status != row.status:
            failures.append(f"answer '{row.name}': the client saw {status}, not {row.status}")
        if answers.POISON in received:
            failures.append(f"answer '{row.name}': poisoned bytes reached the client")
    return failures


def not_as_read(reading: strict.Answer, received: bytes) -> str:
    """What is wrong with what the client got; nothing if it is that answer and the next one's."""
    try:
        got = strict.read_answer(received)
    except (strict.Refused, strict.Incomplete) as why:
        return f"the client got no answer ({why})"
    if not reading.whole:
        whole = got.whole and got.status != answers.BAD
        return "what broke off came whole" if whole else ""
    if (got.status, got.whole, got.body) != (reading.status, True, reading.body):
        return f"the client read {got.status} {got.body[:50]!r}"
    behind = received[got.end:]
    if behind and not (behind.startswith(answers.OK) and origin.ANSWER_MARK in behind):
        return "something came behind it"
    return ""


def self_check():
    """The rules must fire: a recorded smuggled request, a half one, a raw one, a missing one."""
    import cases
    case = cases.make_case(10000, "x", b"GET /c<NUM> HTTP/1.1\r\nHost: a\r\n\r\n")
    bad = cases.make_case(10001, "x", b"GET /c<NUM> HTTP/1.1\r\n\r\n")

    def failures(*requests, finding="", partial=b""):
        kept = origin.Origin()
        kept.requests = [strict.read_request(text)[0] for text in requests]
        kept.records = [origin.Record(requests=kept.requests, finding=finding, partial=partial)]
        return judge([case, bad], kept, writes_anew=False).failures
    valid = case.raw
    assert not failures(valid)
    assert failures()
    assert failures(valid, valid)
    assert failures(valid, valid.replace(b"10000", b"10001"))
    assert failures(valid, valid.replace(b"/c10000", b"/other"))
    assert failures(valid.replace(b": a", b": b"))
    assert failures(valid, partial=b"GET /c10001 HT")
    assert failures(valid, finding="Host", partial=b"GET /c10001 HTTP/1.1\r\n\r\n")
    assert not_written_anew(strict.read_request(valid)[0])
    raw = answers.OK + b"Content-Length: 3\r\n\r\nok\n"
    cut = answers.OK + b"Content-Length: 9\r\n\r\nok\n"
    good, broken = strict.read_answer(raw + answers.SECOND), strict.read_answer(cut)
    assert not not_as_read(good, raw) and not not_as_read(broken, cut)
    assert not_as_read(good, raw + answers.SECOND) and not_as_read(good, cut)
    assert not_as_read(good, answers.SECOND) and not_as_read(broken, raw)
    assert not_as_read(good, b"")
