#include "http/head.h"

#include "http/head_lines.h"

namespace moln::http {
namespace {

Violation note_content_length(std::string_view value, MessageFacts& facts) {
    if (facts.content_length) return Violation::duplicate_content_length;
    // 18 digits stay below 2^63 whatever they are; nobody sends an exabyte.
    if (value.empty() || value.size() > 18) return Violation::bad_content_length;
    std::uint64_t length = 0;
    for (const char c : value) {
        if (!is_digit(c)) return Violation::bad_content_length;
        length = length * 10 + static_cast<std::uint64_t>(c - '0');
    }
    facts.content_length = length;
    return Violation::none;
}

Violation note_transfer_encoding(std::string_view value, Version version, bool& seen,
                                 MessageFacts& facts) {
    if (version == Version::http_1_0) return Violation::transfer_encoding_in_http_1_0;
    if (seen) return Violation::duplicate_transfer_encoding;
    seen = true;
    if (!equals_ignoring_case(value, "chunked")) return Violation::bad_transfer_encoding;
    facts.chunked = true;
    return Violation::none;
}

Violation note_connection(std::string_view value, MessageFacts& facts) {
    if (facts.connection_bytes + value.size() > k_connection_bytes_max) {
        return Violation::connection_too_long;
    }
    facts.connection_bytes = static_cast<std::uint16_t>(facts.connection_bytes + value.size());
    Violation violation = Violation::none;
    for_each_element(value, [&](std::string_view token) {
        if (!is_token(token)) {
            violation = Violation::bad_connection;
        } else if (equals_ignoring_case(token, "close")) {
            facts.close = true;
        } else if (equals_ignoring_case(token, "keep-alive")) {
            facts.keep_alive = true;
        } else if (equals_ignoring_case(token, "upgrade")) {
            facts.connection_upgrade = true;
        } else if (!is_hop_by_hop(field_id(token))) {
            facts.connection_lists_fields = true;
        }
    });
    return violation;
}

}  // namespace

std::optional<std::string_view> FieldTable::first(std::string_view name) const {
    for (std::size_t i = 0; i < count_; ++i) {
        if (equals_ignoring_case(view(entries_[i].name()), name)) return view(entries_[i].value());
    }
    return std::nullopt;
}

std::optional<std::string_view> FieldTable::only(FieldId id) const {
    if (!has(id)) return std::nullopt;
    const std::size_t at = next(0, id);
    if (next(at + 1, id) != count_) return std::nullopt;
    return view(entries_[at].value());
}

void RequestHead::reset() {
    method = Method::other;
    version = Version::http_1_1;
    form = TargetForm::origin;
    has_query = false;
    path_is_plain = true;
    expect_continue = false;
    port.reset();
    facts = {};
    fields.clear();
    method_slice = target_slice = path_slice = query_slice = authority_slice = host_slice = {};
}

void ResponseHead::reset() {
    status = 0;
    version = Version::http_1_1;
    facts = {};
    fields.clear();
    reason_slice = {};
}

Step take_line_end(Input& in, Violation& violation) {
    violation = Violation::bad_line_end;
    if (*in.at != '\r') return Step::refused;
    if (in.end - in.at < 2) return Step::starved;
    if (in.at[1] != '\n') return Step::refused;
    in.at += 2;
    violation = Violation::none;
    return Step::advanced;
}

Violation note_common_field(FieldId id, std::string_view value, Version version,
                            bool& saw_transfer_encoding, MessageFacts& facts) {
    switch (id) {
        case FieldId::content_length: return note_content_length(value, facts);
        case FieldId::transfer_encoding:
            return note_transfer_encoding(value, version, saw_transfer_encoding, facts);
        case FieldId::connection: return note_connection(value, facts);
        case FieldId::upgrade: facts.has_upgrade = true; return Violation::none;
        default: return Violation::none;
    }
}

}  // namespace moln::http
