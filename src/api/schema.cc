#include "api/schema.h"

namespace moln::api::schema_detail {

json::value simple(std::string_view type, std::string_view format, std::string_view description) {
    json::object schema{{"type", type}};
    if (!format.empty()) schema.emplace("format", format);
    if (!description.empty()) schema.emplace("description", description);
    return schema;
}

json::value reference(std::string_view name) {
    return json::object{{"$ref", "#/components/schemas/" + std::string(name)}};
}

std::string bare_name(std::string_view type_name) {
    const auto colon = type_name.rfind(':');
    return std::string(colon == std::string_view::npos ? type_name : type_name.substr(colon + 1));
}

}  // namespace moln::api::schema_detail
