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

// The field lines up to and with the empty line. `note(slice of the value)` judges each field;
// its id is cursor.name_id.
template <typename Note>
Step parse_field_lines(Input& in, const HeadLimits& limits, HeadCursor& cursor, FieldTable& fields,
                       Violation& violation, Note&& note) {
    const auto refuse = [&](Violation why) {
        violation = why;
        return Step::refused;
    };
    for (;;) {
        if (cursor.phase == HeadCursor::Phase::field) {
            if (in.starved()) return Step::starved;
            const char c = *in.at;
            if (c == '\r' || c == '\n') {
                const Step step = take_line_end(in, violation);
                return step == Step::advanced ? Step::finished : step;
            }
            if (c == ' ' || c == '\t') return refuse(Violation::folded_line);
            if (fields.full(std::min(limits.fields_max, k_fields_max))) {
                return refuse(Violation::too_many_fields);
            }
            cursor.begin = in.offset(in.at);
            cursor.phase = HeadCursor::Phase::name;
        }
        if (cursor.phase == HeadCursor::Phase::name) {
            in.at = skip(k_byte_token, in.at, in.end);
            if (in.starved()) return Step::starved;
            const char* const begin = in.base + cursor.begin;
            if (*in.at != ':' || in.at == begin) {
                const bool blank = (*in.at == ' ' || *in.at == '\t') && in.at != begin;
                return refuse(blank ? Violation::space_before_colon : Violation::bad_field_name);
            }
            cursor.name = in.slice(begin, in.at);
            cursor.name_id = field_id(fields.view(cursor.name));
            ++in.at;
            cursor.begin = in.offset(in.at);
            cursor.phase = HeadCursor::Phase::value;
        }
        in.at = skip_value(in.at, in.end);
        if (in.starved()) return Step::starved;
        if (*in.at != '\r' && *in.at != '\n') return refuse(Violation::bad_field_value);
        const char* value_end = in.at;
        if (const Step step = take_line_end(in, violation); step != Step::advanced) return step;
        const char* value_begin = in.base + cursor.begin;
        const auto blank = [](char c) { return c == ' ' || c == '\t'; };
        while (value_begin != value_end && blank(*value_begin)) ++value_begin;
        while (value_begin != value_end && blank(value_end[-1])) --value_end;
        const Slice value = in.slice(value_begin, value_end);
        fields.add(cursor.name, value, cursor.name_id);
        cursor.phase = HeadCursor::Phase::field;
        if (cursor.name_id != FieldId::other) {
            if (const Violation why = note(value); why != Violation::none) return refuse(why);
        }
    }
}

}  // namespace moln::http
