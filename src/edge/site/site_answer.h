// How a file of a site answers a request: in which coding, whole or a part, or that the client has
// it already (RFC 9110 12.5.3, 13, 14).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/units.h"
#include "edge/site/site_path.h"
#include "http/head.h"
#include "http/range.h"
#include "http/write.h"

namespace moln::edge {

struct SiteAnswer {
    std::uint16_t status = 200;  // 200, 206, 304, 404, 412, 416
    const SiteEntry* entry = nullptr;
    const SiteForm* form = nullptr;  // of 200, 206 and 404 what is sent; of 304 what the client has
    std::uint64_t begin = 0;         // of the form: the part that is sent
    std::uint64_t end = 0;
};

// `found` has an entry. A page of a 404 is never part or condition of anything.
SiteAnswer answer_with(const SiteFound& found, const SiteIndex& index,
                       const http::RequestHead& request, WallTime now);

// The fields of the answer beside Date, framing and Connection; views into this, the entry and the
// index.
class SiteFields {
public:
    SiteFields(const SiteAnswer& answer, const SiteIndex& index);
    SiteFields(const SiteFields&) = delete;
    SiteFields& operator=(const SiteFields&) = delete;

    void add(std::string_view name, std::string_view value) {
        if (!value.empty()) fields_[count_++] = {.name = name, .value = value};
    }
    std::span<const http::ExtraField> view() const { return {fields_.data(), count_}; }

private:
    std::array<http::ExtraField, 12> fields_;
    std::size_t count_ = 0;
    std::array<char, k_site_etag_bytes_max> etag_;
    std::array<char, http::k_content_range_bytes_max> range_;
};

// The tag of one form: strong, another for each coding.
std::string_view site_etag(const SiteEntry& entry, const SiteForm& form,
                           std::span<char, k_site_etag_bytes_max> room);

}  // namespace moln::edge
