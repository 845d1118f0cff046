// One description of a struct gives its JSON codec: BOOST_DESCRIBE_STRUCT(T, (), (a, b)) beside
// the struct, then to_json(value) and from_json<T>(json). Field names are the member names.
//
// A missing field keeps the member's default; a field of the wrong type, out of range or (when
// asked) unknown is ErrorCode::invalid with the path of the field: "processes.web.instances:
// expected a whole number". Depth is bounded by the JSON parser's limit (see parse_json).
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11.hpp>

#include "base/id.h"
#include "base/result.h"
#include "base/units.h"

namespace moln {

namespace json = boost::json;

enum class UnknownFields { refuse, ignore };

inline constexpr std::size_t k_json_depth_max = 32;
inline constexpr std::size_t k_json_bytes_max = 4u << 20;

// Parses one JSON text: at most `bytes_max` bytes and k_json_depth_max levels; duplicate keys,
// trailing bytes and invalid UTF-8 are refused.
Result<json::value> parse_json(std::string_view text, std::size_t bytes_max = k_json_bytes_max);

namespace codec_detail {

template <typename T>
struct is_vector : std::false_type {};
template <typename T>
struct is_vector<std::vector<T>> : std::true_type {};
template <typename T>
struct is_optional : std::false_type {};
template <typename T>
struct is_optional<std::optional<T>> : std::true_type {};
template <typename T>
struct is_map : std::false_type {};
template <typename V>
struct is_map<std::map<std::string, V>> : std::true_type {};
template <typename T>
struct is_id : std::false_type {};
template <typename Tag>
struct is_id<Id<Tag>> : std::true_type {};

template <typename T>
concept CountUnit = std::is_same_v<T, Bytes> || std::is_same_v<T, Milliseconds>;
template <typename T>
concept TimeUnit =
    std::is_same_v<T, WallTime> || std::is_same_v<T, MonoTime> || std::is_same_v<T, SteadyTime>;
template <typename T>
concept DescribedStruct = boost::describe::has_describe_members<T>::value && !std::is_enum_v<T>;
template <typename T>
concept DescribedEnum = boost::describe::has_describe_enumerators<T>::value;

std::unexpected<Error> wrong_type(std::string_view path, std::string_view expected);
std::unexpected<Error> unknown_field(std::string_view path, std::string_view field);
std::string join_path(std::string_view path, std::string_view field);
Result<std::int64_t> whole_number(const json::value& value, std::string_view path, std::int64_t min,
                                  std::int64_t max);

template <typename T>
std::string words_of_enum() {
    std::string words;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto d) {
        if (!words.empty()) words += ", ";
        words += d.name;
    });
    return words;
}

}  // namespace codec_detail

// The word of an enumerator, "" for a value that is none.
template <codec_detail::DescribedEnum T>
std::string_view enum_word(T value) {
    std::string_view found;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto d) {
        if (d.value == value) found = d.name;
    });
    if (!found.empty() && found.back() == '_') found.remove_suffix(1);
    return found;
}

template <codec_detail::DescribedEnum T>
std::optional<T> enum_from_word(std::string_view text) {
    std::optional<T> found;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto d) {
        if (enum_word(d.value) == text) found = d.value;
    });
    return found;
}

template <typename T>
json::value to_json(const T& value) {
    using namespace codec_detail;
    if constexpr (std::is_same_v<T, json::value>) {
        return value;
    } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, double>) {
        return json::value(value);
    } else if constexpr (std::is_integral_v<T>) {
        return json::value(static_cast<std::int64_t>(value));
    } else if constexpr (std::is_same_v<T, std::string>) {
        return json::value(json::string(value));
    } else if constexpr (is_id<T>::value) {
        return json::value(json::string(value.text));
    } else if constexpr (CountUnit<T>) {
        return json::value(value.count);
    } else if constexpr (TimeUnit<T>) {
        return json::value(value.ms);
    } else if constexpr (DescribedEnum<T>) {
        return json::value(json::string(enum_word(value)));
    } else if constexpr (is_optional<T>::value) {
        return value ? to_json(*value) : json::value(nullptr);
    } else if constexpr (is_vector<T>::value) {
        json::array out;
        out.reserve(value.size());
        for (const auto& item : value) out.push_back(to_json(item));
        return out;
    } else if constexpr (is_map<T>::value) {
        json::object out;
        for (const auto& [key, item] : value) out.emplace(key, to_json(item));
        return out;
    } else {
        static_assert(DescribedStruct<T>, "describe the struct with BOOST_DESCRIBE_STRUCT");
        json::object out;
        boost::mp11::mp_for_each<
            boost::describe::describe_members<T, boost::describe::mod_any_access>>(
            [&](auto d) { out.emplace(d.name, to_json(value.*d.pointer)); });
        return out;
    }
}

template <typename T>
Result<T> from_json(const json::value& value, UnknownFields unknown = UnknownFields::refuse,
                    std::string_view path = "") {
    using namespace codec_detail;
    if constexpr (std::is_same_v<T, json::value>) {
        return value;
    } else if constexpr (std::is_same_v<T, bool>) {
        if (!value.is_bool()) return wrong_type(path, "true or false");
        return value.get_bool();
    } else if constexpr (std::is_same_v<T, double>) {
        if (!value.is_number()) return wrong_type(path, "a number");
        return value.to_number<double>();
    } else if constexpr (std::is_integral_v<T>) {
        constexpr auto widest = std::numeric_limits<std::int64_t>::max();
        constexpr auto max = std::cmp_less(std::numeric_limits<T>::max(), widest)
                                 ? static_cast<std::int64_t>(std::numeric_limits<T>::max())
                                 : widest;
        MOLN_ASSIGN(const auto number,
                    whole_number(value, path,
                                 static_cast<std::int64_t>(std::numeric_limits<T>::min()), max));
        return static_cast<T>(number);
    } else if constexpr (std::is_same_v<T, std::string>) {
        if (!value.is_string()) return wrong_type(path, "a string");
        return std::string(value.get_string());
    } else if constexpr (is_id<T>::value) {
        if (!value.is_string()) return wrong_type(path, "a string");
        return T(std::string(value.get_string()));
    } else if constexpr (CountUnit<T> || TimeUnit<T>) {
        MOLN_ASSIGN(const auto number,
                    whole_number(value, path, std::numeric_limits<std::int64_t>::min(),
                                 std::numeric_limits<std::int64_t>::max()));
        return T{number};
    } else if constexpr (DescribedEnum<T>) {
        if (value.is_string()) {
            if (auto found = enum_from_word<T>(value.get_string())) return *found;
        }
        return wrong_type(path, "one of " + words_of_enum<T>());
    } else if constexpr (is_optional<T>::value) {
        if (value.is_null()) return T{};
        MOLN_ASSIGN(auto item, from_json<typename T::value_type>(value, unknown, path));
        return T{std::move(item)};
    } else if constexpr (is_vector<T>::value) {
        if (!value.is_array()) return wrong_type(path, "a list");
        T out;
        std::size_t index = 0;
        for (const auto& item : value.get_array()) {
            MOLN_ASSIGN(auto one, from_json<typename T::value_type>(
                                      item, unknown, join_path(path, std::to_string(index++))));
            out.push_back(std::move(one));
        }
        return out;
    } else if constexpr (is_map<T>::value) {
        if (!value.is_object()) return wrong_type(path, "an object");
        T out;
        for (const auto& [key, item] : value.get_object()) {
            MOLN_ASSIGN(auto one,
                        from_json<typename T::mapped_type>(item, unknown, join_path(path, key)));
            out.emplace(std::string(key), std::move(one));
        }
        return out;
    } else {
        static_assert(DescribedStruct<T>, "describe the struct with BOOST_DESCRIBE_STRUCT");
        if (!value.is_object()) return wrong_type(path, "an object");
        const auto& object = value.get_object();
        T out{};
        std::optional<Error> error;
        std::size_t known = 0;
        boost::mp11::mp_for_each<
            boost::describe::describe_members<T, boost::describe::mod_any_access>>([&](auto d) {
            if (error) return;
            const auto* field = object.if_contains(d.name);
            if (field == nullptr) return;
            ++known;
            using Member = std::remove_cvref_t<decltype(out.*d.pointer)>;
            auto member = from_json<Member>(*field, unknown, join_path(path, d.name));
            if (member) {
                out.*d.pointer = std::move(*member);
            } else {
                error = std::move(member).error();
            }
        });
        if (error) return fail(std::move(*error));
        if (unknown == UnknownFields::refuse && known != object.size()) {
            for (const auto& [key, item] : object) {
                bool found = false;
                boost::mp11::mp_for_each<
                    boost::describe::describe_members<T, boost::describe::mod_any_access>>(
                    [&](auto d) { found = found || key == d.name; });
                if (!found) return unknown_field(path, key);
            }
        }
        return out;
    }
}

// Compact text, members in the order of their description: equal values give equal bytes.
template <typename T>
std::string to_json_text(const T& value) {
    return json::serialize(to_json(value));
}

template <typename T>
Result<T> from_json_text(std::string_view text, UnknownFields unknown = UnknownFields::refuse) {
    MOLN_ASSIGN(const auto value, parse_json(text));
    return from_json<T>(value, unknown);
}

}  // namespace moln
