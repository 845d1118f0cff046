#include "http/head_testing.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

namespace moln::http::testing {
namespace {

template <typename Head, typename Parse>
Parsed<Head> parse_in(Pieces pieces, std::string_view text, const HeadLimits& limits, Parse parse) {
    Parsed<Head> parsed;
    HeadCursor cursor;
    std::size_t given = std::min(pieces.first, text.size());
    for (;;) {
        // A block of exactly that size, so that a sanitizer sees any look beyond it.
        const auto block = std::make_unique<char[]>(given);
        std::copy_n(text.data(), given, block.get());
        parsed.result = parse({block.get(), given}, limits, cursor, parsed.head);
        if (parsed.result.progress != Progress::need_more || given == text.size()) break;
        given = std::min(given + pieces.piece, text.size());
    }
    parsed.text = text;
    parsed.head.rebase(parsed.text.data());
    return parsed;
}

std::string describe(const MessageFacts& facts, const FieldTable& fields) {
    std::string text = fmt::format(
        "length {} chunked {} close {} keep_alive {} upgrade {} lists {} has_upgrade {}\n",
        facts.content_length ? fmt::to_string(*facts.content_length) : "-", facts.chunked,
        facts.close, facts.keep_alive, facts.connection_upgrade, facts.connection_lists_fields,
        facts.has_upgrade);
    for (const Field field : fields) {
        text += fmt::format("{}|{}={}\n", static_cast<int>(field.id), field.name, field.value);
    }
    return text;
}

}  // namespace

ParsedRequest parse_request_in(Pieces pieces, std::string_view text, const HeadLimits& limits) {
    return parse_in<RequestHead>(pieces, text, limits, parse_request_head);
}
ParsedResponse parse_response_in(Pieces pieces, std::string_view text, const HeadLimits& limits) {
    return parse_in<ResponseHead>(pieces, text, limits, parse_response_head);
}
ParsedRequest parse_request(std::string_view text, const HeadLimits& limits) {
    return parse_request_in({text.size(), 1}, text, limits);
}
ParsedResponse parse_response(std::string_view text, const HeadLimits& limits) {
    return parse_response_in({text.size(), 1}, text, limits);
}

std::string describe(const RequestHead& head) {
    return fmt::format(
               "{} {} {} path {} query {} {} authority {} host {} port {} plain {} 100 {}\n",
               head.method_name(), static_cast<int>(head.method), static_cast<int>(head.version),
               head.path(), head.has_query, head.query(), head.authority(), head.host(),
               head.port.value_or(0), head.path_is_plain, head.expect_continue) +
           describe(head.facts, head.fields);
}

std::string describe(const ResponseHead& head) {
    return fmt::format("{} {} {}\n", head.status, static_cast<int>(head.version), head.reason()) +
           describe(head.facts, head.fields);
}

}  // namespace moln::http::testing
