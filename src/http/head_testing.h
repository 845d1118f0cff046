// Shared by the tests and fuzz targets of this folder: parse a text whole or in pieces, and show
// a head as text so that two can be compared. Not for production code.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "http/head.h"

namespace moln::http::testing {

// The text is kept beside the head that points into it.
template <typename Head>
struct Parsed {
    std::string text;
    HeadResult result;
    Head head;
};
using ParsedRequest = Parsed<RequestHead>;
using ParsedResponse = Parsed<ResponseHead>;

ParsedRequest parse_request(std::string_view text, const HeadLimits& limits = {});
ParsedResponse parse_response(std::string_view text, const HeadLimits& limits = {});

// Given in pieces, each time in a buffer of its own: the first `first` bytes, then `piece` more
// each time. Stops at the first verdict. piece >= 1.
struct Pieces {
    std::size_t first = 0;
    std::size_t piece = 1;
};
ParsedRequest parse_request_in(Pieces pieces, std::string_view text, const HeadLimits& limits = {});
ParsedResponse parse_response_in(Pieces pieces, std::string_view text,
                                 const HeadLimits& limits = {});

// Everything that the head says; equal heads give equal text.
std::string describe(const RequestHead& head);
std::string describe(const ResponseHead& head);
// The verdict, and the head if it is `done`.
template <typename Head>
std::string describe(const Parsed<Head>& parsed) {
    std::string text(word(parsed.result.violation));
    text += " " + std::to_string(parsed.result.consumed) + " ";
    text += std::to_string(static_cast<int>(parsed.result.progress)) + "\n";
    return parsed.result.progress == Progress::done ? text + describe(parsed.head) : text;
}

}  // namespace moln::http::testing
