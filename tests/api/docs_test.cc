// What is generated is current and well-formed: docs/API.md, docs/CLI.md, the OpenAPI document; and
// every request of the CLI is one that the API takes.
#include "cli/docs.h"

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include <gmock/gmock.h>

#include "api/openapi.h"
#include "api/query.h"
#include "cli/parse.h"
#include "cli/requests.h"
#include "cli/verbs.h"

namespace moln {
namespace {

// MOLN_REGENERATE=1 writes the file instead of comparing it.
void expect_current(const std::string& name, const std::string& text) {
    const auto path = std::string(MOLN_SOURCE_DIR) + "/docs/" + name;
    if (std::getenv("MOLN_REGENERATE") != nullptr) {
        std::ofstream(path, std::ios::binary) << text;
        return;
    }
    std::ifstream in(path, std::ios::binary);
    std::ostringstream found;
    found << in.rdbuf();
    EXPECT_TRUE(found.str() == text)
        << path << " is not current: run this test with MOLN_REGENERATE=1";
}

TEST(Docs, the_api_is_described_as_it_is) {
    expect_current("API.md", api::api_markdown());
}

TEST(Docs, the_cli_is_described_as_it_is) {
    expect_current("CLI.md", cli::cli_markdown());
}

// Calls `visit` with every object below `value`.
void walk(const json::value& value, const std::function<void(const json::object&)>& visit) {
    if (const auto* object = value.if_object()) {
        visit(*object);
        for (const auto& [key, item] : *object) walk(item, visit);
    } else if (const auto* array = value.if_array()) {
        for (const auto& item : *array) walk(item, visit);
    }
}

TEST(OpenApi, every_reference_leads_somewhere) {
    const auto document = api::openapi_document("0.1.0");
    std::size_t references = 0;
    walk(document, [&](const json::object& object) {
        const auto* reference = object.if_contains("$ref");
        if (reference == nullptr) return;
        ++references;
        boost::system::error_code error;
        const auto path = std::string(reference->as_string()).substr(1);
        EXPECT_NE(document.find_pointer(path, error), nullptr) << path;
    });
    EXPECT_GT(references, 50u);
}

TEST(OpenApi, every_operation_has_an_id_of_its_own_and_its_path_parameters) {
    const auto document = api::openapi_document("0.1.0");
    EXPECT_EQ(document.at("openapi").as_string(), "3.1.0");
    std::set<std::string> ids;
    std::size_t operations = 0;
    for (const auto& [path, methods] : document.at("paths").as_object()) {
        for (const auto& [method, operation] : methods.as_object()) {
            ++operations;
            ids.insert(std::string(operation.at("operationId").as_string()));
            std::size_t in_path = 0;
            for (const auto& param : operation.at("parameters").as_array()) {
                in_path += param.at("in").as_string() == "path" ? 1 : 0;
            }
            EXPECT_EQ(in_path, std::size_t(std::ranges::count(path, '{'))) << path;
            EXPECT_FALSE(operation.at("responses").as_object().empty());
        }
    }
    EXPECT_EQ(ids.size(), operations);
    EXPECT_GE(operations, 40u);
}

TEST(Cli, every_request_is_one_that_the_api_takes) {
    const std::vector<std::vector<std::string>> lines = {
        {"status"},
        {"apps"},
        {"apps", "-a", "x"},
        {"ps"},
        {"releases"},
        {"env", "ls"},
        {"secret", "ls"},
        {"route", "ls"},
        {"volume", "ls"},
        {"trash", "ls"},
        {"platform", "ls"},
        {"metrics"},
        {"logs", "-f", "--process", "web", "--instance", "web-1", "-n", "5"},
        {"events", "-f", "-n", "5"},
        {"top", "--once"},
        {"rollback", "3"},
        {"scale", "web=3"},
        {"restart"},
        {"start"},
        {"stop"},
        {"stop", "--instance", "web-1", "--now"},
        {"env", "set", "A=b"},
        {"env", "unset", "A"},
        {"secret", "set", "A"},
        {"secret", "rm", "A"},
        {"route", "add", "a.b/c"},
        {"route", "rm", "a.b"},
        {"cert", "ls"},
        {"cert", "show", "cert-1"},
        {"cert", "add", "--cert", "a.pem", "--key", "b.pem"},
        {"cert", "rm", "cert-1"},
        {"cert", "acme"},
        {"cert", "acme", "--agree-tos", "--email", "ops@example.org"},
        {"cert", "acme", "--off"},
        {"trust", "--print"},
        {"rm", "--dry-run"},
        {"volume", "rm", "vol-1"},
        {"trash", "purge", "tr-1"},
        {"recover", "tr-1"},
        {"recover", "tr-1", "--to", "/x"},
        {"run", "ls"},
        {"shell"},
        {"down"},
        {"platform", "build", "debian"},
        {"restart", "--project", "other"},
    };
    for (const auto& line : lines) {
        const auto said = cli::parse(line, "");
        ASSERT_TRUE(said) << line.front() << said.error().text;
        const auto call = cli::request_for(*said, "shop");
        ASSERT_TRUE(call) << line.front() << call.error().reason;
        const auto target = api::parse_target(call->target);
        ASSERT_TRUE(target);
        const auto found = api::match(call->method, target->path);
        ASSERT_TRUE(found) << call->method << " " << call->target;
        for (const auto& [name, values] : target->query) {
            EXPECT_EQ(std::ranges::count(found->endpoint->query, name, &api::Param::name), 1)
                << call->target;
        }
        if (found->endpoint->body.kind == api::BodyKind::json) {
            const auto body = parse_json(call->body);
            ASSERT_TRUE(body) << line.front();
            EXPECT_TRUE(found->endpoint->body.type.check(*body)) << call->body;
        }
    }
}

TEST(Cli, every_verb_of_the_api_table_is_a_verb) {
    for (const auto& resource : api::resources()) {
        for (const auto& endpoint : resource.endpoints) {
            std::string_view rest = endpoint.cli;
            while (!rest.empty()) {
                const auto comma = rest.find(", ");
                auto verb = rest.substr(0, comma);
                rest = comma == std::string_view::npos ? "" : rest.substr(comma + 2);
                verb = verb.substr(0, verb.find(" -"));
                EXPECT_NE(cli::find_verb(verb), nullptr) << verb;
            }
        }
    }
}

}  // namespace
}  // namespace moln
