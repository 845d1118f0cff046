#include "main/trace_option.h"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "edge/collector.h"
#include "edge/limits.h"

namespace moln {
namespace {

std::string absolute(const std::string& path) {
    std::error_code error;
    const auto found = std::filesystem::absolute(path, error);
    return error ? path : found.string();
}

}  // namespace

void add_trace_export(CLI::App& app, TraceExport& traces) {
    auto* url = app.add_option("--otlp", traces.url,
                               "collector of traces, OTLP over HTTP, as http://127.0.0.1:4318")
                    ->check(CLI::Validator(
                        [](const std::string& text) {
                            const auto parsed = edge::parse_collector(text);
                            return parsed ? std::string() : parsed.error().reason;
                        },
                        "URL"));
    app.add_option("--otlp-sample", traces.sample,
                   "share of the traces that begin at the edge, 0 to 1, of which spans are sent;\n"
                   "of traces that a client begins the client says it")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str()
        ->needs(url);
    app.add_option("--otlp-spans-max", traces.spans_per_second, "at most so many spans a second")
        ->check(CLI::Range(std::uint32_t{1}, edge::k_spans_per_second_max))
        ->capture_default_str()
        ->needs(url);
    app.add_option("--otlp-headers-file", traces.headers_file,
                   "file of lines NAME: VALUE that the collector wants, as an authorization;\n"
                   "its owner's alone (chmod 600)")
        ->needs(url);
    app.add_option("--otlp-ca", traces.ca_file,
                   "file of the authorities of the collector's certificate (default: the host's)")
        ->needs(url);
}

std::vector<std::string> trace_export_arguments(const TraceExport& traces) {
    if (traces.url.empty()) return {};
    std::vector<std::string> arguments = {
        "--otlp",           traces.url,
        "--otlp-sample",    fmt::format("{}", traces.sample),
        "--otlp-spans-max", std::to_string(traces.spans_per_second)};
    const auto add_file = [&](const char* name, const std::string& path) {
        if (!path.empty()) arguments.insert(arguments.end(), {name, absolute(path)});
    };
    add_file("--otlp-headers-file", traces.headers_file);
    add_file("--otlp-ca", traces.ca_file);
    return arguments;
}

}  // namespace moln
