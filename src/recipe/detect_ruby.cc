// Ruby: Gemfile, config.ru, or a lone app.rb.
#include <fmt/format.h>

#include "recipe/language.h"

namespace moln::recipe_detail {
namespace {

// Whether a Gemfile asks for a gem: gem "puma" or gem 'puma' on a line of its own.
bool has_gem(std::string_view gemfile, std::string_view name) {
    return gemfile.find(fmt::format("gem \"{}\"", name)) != std::string_view::npos ||
           gemfile.find(fmt::format("gem '{}'", name)) != std::string_view::npos;
}

}  // namespace

Result<std::optional<Finding>> detect_ruby(const SourceListing& source,
                                           const PlatformTools& tools) {
    const bool gemfile = source.has("Gemfile");
    const bool rack = source.has("config.ru");
    const auto file = first_of(source, {"app.rb", "server.rb", "main.rb"});
    if (!gemfile && !rack && file.empty()) return std::nullopt;
    MOLN_TRY(need(tools, "a Ruby app", {"ruby"}));

    Finding out;
    out.detected = fmt::format("Ruby ({})", gemfile ? "Gemfile" : rack ? "config.ru" : file);
    out.env = {{"RACK_ENV", "production"}, {"RAILS_ENV", "production"}};
    const auto gems = contents(source, "Gemfile");
    if (gemfile) {
        MOLN_TRY(need(tools, "a Ruby app with a Gemfile", {"bundle"}));
        out.env["BUNDLE_PATH"] = "/app/.moln/bundle";
        out.env["BUNDLE_WITHOUT"] = "development:test";
        auto env = out.env;
        env["BUNDLE_USER_CACHE"] = "/cache/bundle";
        if (source.has("Gemfile.lock")) env["BUNDLE_DEPLOYMENT"] = "true";
        out.steps.push_back({{"bundle", "install"}, env, "install the gems of the Gemfile"});
    }
    const std::string run = gemfile ? "bundle exec " : "";
    if (source.has("bin/rails")) {
        out.web_command = shell_exec(run + "bin/rails server -b 0.0.0.0 -p \"$PORT\"");
    } else if (rack && has_gem(gems, "puma")) {
        out.web_command = shell_exec(run + "puma -b \"tcp://0.0.0.0:$PORT\"");
    } else if (rack) {
        if (!gemfile) MOLN_TRY(need(tools, "a config.ru without a Gemfile", {"rackup"}));
        out.web_command = shell_exec(run + "rackup --host 0.0.0.0 --port \"$PORT\"");
    } else if (!file.empty()) {
        out.web_command = shell_exec(run + "ruby " + file);
    } else {
        out.advice = "expected a config.ru, app.rb, server.rb or main.rb; found none of them";
    }
    return out;
}

}  // namespace moln::recipe_detail
