// JSON Schema (2020-12, as OpenAPI 3.1 takes it) from the same description that gives a struct its
// codec: what is documented is what is parsed.
#pragma once

#include <string>
#include <string_view>

#include <boost/core/type_name.hpp>

#include "model/codec.h"
#include "model/views.h"

namespace moln::api {

// Replies may gain fields, so readers must take unknown ones; requests with unknown ones are
// refused.
enum class SchemaUse { request, reply };

// Named schemas by reference: "#/components/schemas/NAME".
using Schemas = std::map<std::string, json::value>;

namespace schema_detail {

template <typename T>
struct is_items : std::false_type {};
template <typename T>
struct is_items<Items<T>> : std::true_type {
    using item = T;
};

json::value simple(std::string_view type, std::string_view format, std::string_view description);
json::value reference(std::string_view name);
std::string bare_name(std::string_view type_name);

}  // namespace schema_detail

template <typename T>
std::string schema_name() {
    if constexpr (schema_detail::is_items<T>::value) {
        return schema_name<typename schema_detail::is_items<T>::item>() + "List";
    } else {
        return schema_detail::bare_name(boost::core::type_name<T>());
    }
}

// The schema of T; those of the structs in it go to `named`.
template <typename T>
json::value schema_of(SchemaUse use, Schemas& named) {
    using namespace codec_detail;
    using namespace schema_detail;
    if constexpr (std::is_same_v<T, json::value>) {
        return json::object();
    } else if constexpr (std::is_same_v<T, bool>) {
        return simple("boolean", "", "");
    } else if constexpr (std::is_same_v<T, double>) {
        return simple("number", "", "");
    } else if constexpr (std::is_integral_v<T>) {
        return simple("integer", "int64", "");
    } else if constexpr (std::is_same_v<T, std::string> || is_id<T>::value) {
        return simple("string", "", "");
    } else if constexpr (std::is_same_v<T, Bytes>) {
        return simple("integer", "int64", "bytes");
    } else if constexpr (std::is_same_v<T, Milliseconds>) {
        return simple("integer", "int64", "milliseconds");
    } else if constexpr (TimeUnit<T>) {
        return simple("integer", "int64", "milliseconds since 1970-01-01 UTC");
    } else if constexpr (DescribedEnum<T>) {
        json::array words;
        boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>(
            [&](auto d) { words.emplace_back(json::string(enum_word(d.value))); });
        return json::object{{"type", "string"}, {"enum", std::move(words)}};
    } else if constexpr (is_optional<T>::value) {
        json::array either;
        either.push_back(schema_of<typename T::value_type>(use, named));
        either.push_back(simple("null", "", ""));
        return json::object{{"anyOf", std::move(either)}};
    } else if constexpr (is_vector<T>::value) {
        return json::object{{"type", "array"},
                            {"items", schema_of<typename T::value_type>(use, named)}};
    } else if constexpr (is_map<T>::value) {
        return json::object{
            {"type", "object"},
            {"additionalProperties", schema_of<typename T::mapped_type>(use, named)}};
    } else {
        const auto name = schema_name<T>();
        if (!named.contains(name)) {
            named.emplace(name, json::value());  // before its members: a type may hold itself
            json::object properties;
            boost::mp11::mp_for_each<
                boost::describe::describe_members<T, boost::describe::mod_any_access>>([&](auto d) {
                using Member = std::remove_cvref_t<decltype(std::declval<T&>().*d.pointer)>;
                properties.emplace(d.name, schema_of<Member>(use, named));
            });
            json::object schema{{"type", "object"}, {"properties", std::move(properties)}};
            if (use == SchemaUse::request) schema.emplace("additionalProperties", false);
            named[name] = std::move(schema);
        }
        return reference(name);
    }
}

// A type as the table names it: its name, its schema, and whether a value is one.
struct TypeInfo {
    std::string name;
    json::value (*schema)(SchemaUse, Schemas&) = nullptr;
    Status (*check)(const json::value&) = nullptr;
};

template <typename T>
TypeInfo type_info() {
    return {schema_name<T>(), &schema_of<T>, [](const json::value& value) -> Status {
                if (auto parsed = from_json<T>(value); !parsed) return fail(parsed.error());
                return {};
            }};
}

}  // namespace moln::api
