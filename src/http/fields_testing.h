// A field table from names and values, for tests and fuzz targets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/head.h"

namespace moln::http {

class FieldsOf {
public:
    FieldsOf& add(std::string_view name, std::string_view value) {
        const Slice name_slice = keep(name);
        const Slice value_slice = keep(value);
        table_.add(name_slice, value_slice, is_token(name) ? field_id(name) : FieldId::other);
        return *this;
    }
    const FieldTable& table() {
        table_.rebase(text_.data());
        return table_;
    }

private:
    Slice keep(std::string_view text) {
        const Slice slice{static_cast<std::uint16_t>(text_.size()),
                          static_cast<std::uint16_t>(text.size())};
        text_.append(text);
        return slice;
    }

    std::string text_;
    FieldTable table_;
};

}  // namespace moln::http
