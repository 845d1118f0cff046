// The API's description, made from the table: an OpenAPI 3.1 document, and docs/API.md.
#pragma once

#include <string>

#include "api/table.h"

namespace moln::api {

json::value openapi_document(const std::string& version);

// The text of docs/API.md, which a test keeps current.
std::string api_markdown();

}  // namespace moln::api
