// Which received fields are passed on. Internal to the two head writers.
#pragma once

#include <cstdint>

#include "http/head.h"
#include "http/write.h"

namespace moln::http {

constexpr FieldSet hop_by_hop_fields() {
    FieldSet set;
    for (unsigned id = 0; id < k_field_ids; ++id) {
        if (is_hop_by_hop(static_cast<FieldId>(id))) set = set.with(static_cast<FieldId>(id));
    }
    return set;
}

// Copies all fields but those in `dropped` and those that Connection lists.
void write_passed_fields(ByteWriter& out, const FieldTable& fields, const MessageFacts& facts,
                         FieldSet dropped);
void write_extra_fields(ByteWriter& out, std::span<const ExtraField> extra);
void write_content_length(ByteWriter& out, std::uint64_t length);

inline std::optional<std::size_t> size_if_fits(const ByteWriter& out) {
    if (!out.fits()) return std::nullopt;
    return out.size();
}

}  // namespace moln::http
