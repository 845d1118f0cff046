#include "model/codec.h"

#include <boost/json/basic_parser_impl.hpp>
#include <fmt/format.h>

namespace moln {
namespace {

// Boost.JSON keeps the last of two equal keys; a duplicate is a sign of an ambiguous sender, so
// the text is walked once more with a handler that counts keys. See parse_json.
void count_keys(const json::value& value, std::size_t& keys) {
    if (const auto* object = value.if_object()) {
        keys += object->size();
        for (const auto& [key, item] : *object) {
            count_keys(item, keys);
        }
    } else if (const auto* array = value.if_array()) {
        for (const auto& item : *array) {
            count_keys(item, keys);
        }
    }
}

struct KeyCounter {
    // As the parser names them. NOLINTBEGIN(readability-identifier-naming)
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    // NOLINTEND(readability-identifier-naming)
    std::size_t keys = 0;
    using Code = json::error_code;
    bool on_document_begin(Code&) { return true; }
    bool on_document_end(Code&) { return true; }
    bool on_object_begin(Code&) { return true; }
    bool on_object_end(std::size_t, Code&) { return true; }
    bool on_array_begin(Code&) { return true; }
    bool on_array_end(std::size_t, Code&) { return true; }
    bool on_key_part(json::string_view, std::size_t, Code&) { return true; }
    bool on_key(json::string_view, std::size_t, Code&) {
        ++keys;
        return true;
    }
    bool on_string_part(json::string_view, std::size_t, Code&) { return true; }
    bool on_string(json::string_view, std::size_t, Code&) { return true; }
    bool on_number_part(json::string_view, Code&) { return true; }
    bool on_int64(std::int64_t, json::string_view, Code&) { return true; }
    bool on_uint64(std::uint64_t, json::string_view, Code&) { return true; }
    bool on_double(double, json::string_view, Code&) { return true; }
    bool on_bool(bool, Code&) { return true; }
    bool on_null(Code&) { return true; }
    bool on_comment_part(json::string_view, Code&) { return true; }
    bool on_comment(json::string_view, Code&) { return true; }
};

}  // namespace

Result<json::value> parse_json(std::string_view text, std::size_t bytes_max) {
    if (text.size() > bytes_max) {
        return fail(ErrorCode::invalid,
                    fmt::format("JSON of {} bytes: at most {} are taken", text.size(), bytes_max));
    }
    json::parse_options options;
    options.max_depth = k_json_depth_max;
    json::error_code code;
    auto value = json::parse(text, code, {}, options);
    if (code) return fail(ErrorCode::invalid, fmt::format("not JSON: {}", code.message()));

    std::size_t unique_keys = 0;
    count_keys(value, unique_keys);
    json::basic_parser<KeyCounter> counter(options);
    counter.write_some(false, text.data(), text.size(), code);
    if (counter.handler().keys != unique_keys) {
        return fail(ErrorCode::invalid, "JSON with the same field twice in one object");
    }
    return value;
}

namespace codec_detail {

std::unexpected<Error> wrong_type(std::string_view path, std::string_view expected) {
    if (path.empty()) return fail(ErrorCode::invalid, fmt::format("expected {}", expected));
    return fail(ErrorCode::invalid, fmt::format("{}: expected {}", path, expected));
}

std::unexpected<Error> unknown_field(std::string_view path, std::string_view field) {
    return fail(ErrorCode::invalid, fmt::format("{}: unknown field", join_path(path, field)));
}

std::string join_path(std::string_view path, std::string_view field) {
    return path.empty() ? std::string(field) : fmt::format("{}.{}", path, field);
}

Result<std::int64_t> whole_number(const json::value& value, std::string_view path, std::int64_t min,
                                  std::int64_t max) {
    const auto expected = [&] {
        const auto widest = std::numeric_limits<std::int64_t>::max();
        return max == widest ? std::string("a whole number")
                             : fmt::format("a whole number from {} to {}", min, max);
    };
    if (!value.is_int64()) return wrong_type(path, expected());
    const auto number = value.get_int64();
    if (number < min || number > max) return wrong_type(path, expected());
    return number;
}

}  // namespace codec_detail
}  // namespace moln
