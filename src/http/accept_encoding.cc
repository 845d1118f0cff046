#include "http/accept_encoding.h"

#include <optional>

#include "http/weighted.h"

namespace moln::http {
namespace {

std::optional<ContentCoding> known(std::string_view name) {
    if (equals_ignoring_case(name, "x-gzip")) return ContentCoding::gzip;  // RFC 9110 8.4.1.3
    for (std::size_t i = 0; i < k_content_codings; ++i) {
        const auto coding = static_cast<ContentCoding>(i);
        if (equals_ignoring_case(name, coding_name(coding))) return coding;
    }
    return std::nullopt;
}

}  // namespace

AcceptedCodings accepted_codings(const FieldTable& request) {
    std::array<std::optional<std::uint16_t>, k_content_codings> named;
    std::optional<std::uint16_t> others;
    for_each_weighted(request, FieldId::accept_encoding, [&](const Weighted& coding) {
        const auto weight = static_cast<std::uint16_t>(coding.thousandths);
        if (coding.name == "*") others = weight;
        if (const auto which = known(coding.name)) named[static_cast<std::size_t>(*which)] = weight;
    });
    AcceptedCodings out;
    for (std::size_t i = 0; i < k_content_codings; ++i) {
        // Identity needs no mention; it is the least wanted then.
        const bool identity = static_cast<ContentCoding>(i) == ContentCoding::identity;
        out.weights[i] = named[i].value_or(others.value_or(identity ? 1 : 0));
    }
    return out;
}

}  // namespace moln::http
