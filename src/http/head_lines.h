// What request and response heads have in common: the field lines, and the fields that speak
// about the message itself. Internal to the two parsers.
#pragma once

#include <algorithm>
#include <string_view>

#include "http/head.h"
#include "http/scan.h"

namespace moln::http {

// The part of the buffer that may be looked at, and how far that has come.
struct Input {
    const char* base;
    const char* at;
    const char* end;

    bool starved() const { return at == end; }
    std::uint16_t offset(const char* p) const { return static_cast<std::uint16_t>(p - base); }
    Slice slice(const char* from, const char* to) const {
        return {offset(from), static_cast<std::uint16_t>(to - from)};
    }
};

// What one step of a parser came to.
enum class Step : std::uint8_t {
    advanced,  // the next phase can begin
    starved,   // more bytes are needed
    finished,  // the empty line is behind us
    refused,   // with the violation that was set
};

inline Step refuse(Violation& violation, Violation why) {
    violation = why;
    return Step::refused;
}

// CR LF at `in.at`, or the part of it that has arrived.
Step take_line_end(Input& in, Violation& violation);

// Content-Length, Transfer-Encoding, Connection, Upgrade. `none` if the field is well.
Violation note_common_field(FieldId id, std::string_view value, Version version,
                            bool& saw_transfer_encoding, MessageFacts& facts);

// Runs `step(in, violation)` until it stops advancing and turns that into the caller's result.
template <typename Head, typename Parse>
HeadResult run_parser(std::string_view buffer, const HeadLimits& limits, HeadCursor& cursor,
                      Head& head, Parse&& parse) {
    if (cursor.at == 0) head.reset();
    const std::string_view window = buffer.substr(0, limits.head_bytes_max);
    Input in{window.data(), window.data() + cursor.at, window.data() + window.size()};
    head.rebase(buffer.data());
    Violation violation = Violation::none;
    const Step step = parse(in, violation);
    cursor.at = in.offset(in.at);
    switch (step) {
        case Step::finished: return {Progress::done, Violation::none, cursor.at};
        case Step::refused: return {Progress::refused, violation, 0};
        case Step::advanced:
        case Step::starved: break;
    }
    if (window.size() == limits.head_bytes_max) {
        return {Progress::refused, Violation::head_too_large, 0};
    }
    return {};
}

// The first byte of a line: the head's end, or a field's name begins.
inline Step begin_field_line(Input& in, const HeadLimits& limits, HeadCursor& cursor,
                             const FieldTable& fields, Violation& violation) {
    if (in.starved()) return Step::starved;
    if (*in.at == '\r' || *in.at == '\n') {
        const Step step = take_line_end(in, violation);
        return step == Step::advanced ? Step::finished : step;
    }
    if (*in.at == ' ' || *in.at == '\t') return refuse(violation, Violation::folded_line);
    if (fields.full(std::min(limits.fields_max, k_fields_max))) {
        return refuse(violation, Violation::too_many_fields);
    }
    cursor.begin = in.offset(in.at);
    cursor.phase = HeadCursor::Phase::name;
    return Step::advanced;
}

inline Step take_field_name(Input& in, HeadCursor& cursor, const FieldTable& fields,
                            Violation& violation) {
    in.at = skip(k_byte_token, in.at, in.end);
    if (in.starved()) return Step::starved;
    const char* const begin = in.base + cursor.begin;
    if (*in.at != ':' || in.at == begin) {
        const bool blank = (*in.at == ' ' || *in.at == '\t') && in.at != begin;
        return refuse(violation, blank ? Violation::space_before_colon : Violation::bad_field_name);
    }
    cursor.name = in.slice(begin, in.at);
    cursor.name_id = field_id(fields.view(cursor.name));
    ++in.at;
    cursor.begin = in.offset(in.at);
    cursor.phase = HeadCursor::Phase::value;
    return Step::advanced;
}

// The value without the blanks around it, and the line's end.
inline Step take_field_value(Input& in, HeadCursor& cursor, Slice& value, Violation& violation) {
    in.at = skip_value(in.at, in.end);
    if (in.starved()) return Step::starved;
    if (*in.at != '\r' && *in.at != '\n') return refuse(violation, Violation::bad_field_value);
    const char* end = in.at;
    if (const Step step = take_line_end(in, violation); step != Step::advanced) return step;
    const char* begin = in.base + cursor.begin;
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    while (begin != end && blank(*begin)) ++begin;
    while (begin != end && blank(end[-1])) --end;
    value = in.slice(begin, end);
    cursor.phase = HeadCursor::Phase::field;
    return Step::advanced;
}

// The field lines up to and with the empty line. `note(slice of the value)` judges each known
// field; its id is cursor.name_id.
template <typename Note>
Step parse_field_lines(Input& in, const HeadLimits& limits, HeadCursor& cursor, FieldTable& fields,
                       Violation& violation, Note&& note) {
    for (;;) {
        Step step = Step::advanced;
        if (cursor.phase == HeadCursor::Phase::field) {
            step = begin_field_line(in, limits, cursor, fields, violation);
        }
        if (step == Step::advanced && cursor.phase == HeadCursor::Phase::name) {
            step = take_field_name(in, cursor, fields, violation);
        }
        Slice value;
        if (step == Step::advanced) step = take_field_value(in, cursor, value, violation);
        if (step != Step::advanced) return step;
        fields.add(cursor.name, value, cursor.name_id);
        if (cursor.name_id == FieldId::other) continue;
        if (const Violation why = note(value); why != Violation::none) {
            return refuse(violation, why);
        }
    }
}

}  // namespace moln::http
