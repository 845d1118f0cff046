#include "drivers/image/source_build.h"

#include <cerrno>
#include <deque>

#include <fmt/format.h>
#include <unistd.h>

#include "drivers/image/sha256.h"
#include "drivers/image/site_publish.h"
#include "drivers/image/source_listing.h"
#include "drivers/image/unpack.h"
#include "drivers/image/workspace.h"
#include "io/file/files.h"
#include "io/file/tree.h"
#include "model/quantity.h"
#include "model/words.h"

namespace moln {
namespace {

Status give_to_app(const std::string& path) {
    if (chown(path.c_str(), k_app_uid, k_app_uid) != 0) {
        return fail(error_from_errno(errno, "chown " + path));
    }
    return {};
}

class SourceBuild {
public:
    SourceBuild(const BuildParts& parts, const BuildRequest& request, const ImageProgress& progress,
                Workspace workspace)
        : data_(parts.data),
          platforms_(parts.platforms),
          one_shots_(parts.one_shots),
          caps_(parts.caps),
          settings_(parts.settings),
          now_(parts.now),
          request_(request),
          progress_(progress),
          workspace_(std::move(workspace)) {}

    Result<BuildResult> run() {
        MOLN_TRY(unpack());
        MOLN_TRY(look());
        BuildResult out{.image = {},
                        .config = recipe_.config,
                        .detected = recipe_.detected,
                        .warnings = recipe_.warnings};
        if (request_.dry_run) return out;
        const auto key = key_of_layer();
        const auto name = "app-" + key.substr(0, 32);
        if (path_exists(layer_path(data_, name))) {
            say(fmt::format("unchanged: layer {} is used again", name));
        } else {
            MOLN_TRY(run_steps());
            MOLN_TRY(publish(layer_, layer_path(data_, name)));
        }
        out.image = {.kind = ImageKind::platform,
                     .platform = platform_,
                     .layers = {name},
                     .source = "folder " + request_.base_name,
                     .digest = "sha256:" + key};
        if (out.config.site) MOLN_TRY(publish_files(*out.config.site, name, out));
        return out;
    }

private:
    void say(std::string line) const {
        if (progress_.line) progress_.line(std::move(line));
    }

    Status unpack() {
        MOLN_ASSIGN(layer_, workspace_.make_layer("layer"));
        app_ = layer_ + "/app";
        MOLN_TRY(make_folders(app_, 0755));
        MOLN_TRY(give_to_app(app_));
        auto unpacked = unpack_source(request_.archive, app_, {.cancelled = progress_.cancelled});
        if (!unpacked) return fail_in("folder " + request_.base_name, unpacked.error());
        unpacked_ = std::move(*unpacked);
        say(fmt::format("received {}, {}", count_words(std::int64_t(unpacked_.files), "file"),
                        size_words(unpacked_.bytes)));
        return {};
    }

    Status look() {
        MOLN_ASSIGN(const auto source, list_source(app_));
        MOLN_ASSIGN(const auto wanted, wanted_platform(source));
        MOLN_ASSIGN(platform_,
                    platforms_.resolve(request_.platform.empty() ? wanted : request_.platform));
        state_ = platforms_.look_at(platform_);
        MOLN_ASSIGN(recipe_, detect(source, state_.tools));
        if (request_.check) MOLN_TRY(request_.check(recipe_.config));
        say(fmt::format("detected {}, platform {}", recipe_.detected, platform_));
        for (const auto& warning : recipe_.warnings) say("warning: " + warning);
        return {};
    }

    // All that decides what the layer will hold, but for what registries answer.
    std::string key_of_layer() const {
        Sha256 hash;
        hash.add_text(unpacked_.digest);
        hash.add_text(to_json_text(recipe_.steps));
        if (!recipe_.steps.empty()) hash.add_text(state_.digest);
        return hash.hex();
    }

    Status publish_files(const SiteSpec& spec, const std::string& layer, BuildResult& out) const {
        MOLN_ASSIGN(auto site, publish_site({.data = data_,
                                             .workspace = workspace_,
                                             .app_folder = layer_path(data_, layer) + "/app",
                                             .spec = spec,
                                             .now = now_},
                                            progress_));
        out.image.layers.push_back(std::move(site.name));
        for (auto& warning : site.warnings) {
            say("warning: " + warning);
            out.warnings.push_back(std::move(warning));
        }
        return {};
    }

    Result<std::string> make_cache() const {
        // One for each project: what one tenant's build writes must not reach another's.
        const auto project = request_.app.text.substr(0, request_.app.text.find('/'));
        auto cache = data_.build_cache() + "/" + (project.empty() ? "default" : project);
        MOLN_TRY(make_folders(data_.build_cache(), 0700));
        MOLN_TRY(make_folders(cache, 0755));
        MOLN_TRY(give_to_app(cache));
        return cache;
    }

    Status run_steps() {
        if (recipe_.steps.empty()) return {};
        MOLN_ASSIGN(const auto cache, make_cache());
        MOLN_TRY(write_settings());
        std::size_t number = 0;
        for (const auto& step : recipe_.steps) MOLN_TRY(run_step(step, ++number, cache));
        const auto size = tree_size(app_).bytes;
        if (size > k_built_bytes_max) {
            return fail(ErrorCode::refused,
                        fmt::format("the built folder has {} bytes: at most {} are taken",
                                    size.count, format_size(k_built_bytes_max)));
        }
        return {};
    }

    Status write_settings() {
        for (const auto& warning : settings_.warnings) say("warning: " + warning);
        if (settings_.files.empty()) return {};
        MOLN_ASSIGN(settings_folder_, workspace_.make_layer("settings"));
        for (const auto& [name, text] : settings_.files) {
            MOLN_TRY(write_file(settings_folder_ + "/" + name, text, 0644, Durability::unsynced));
        }
        return {};
    }

    Status run_step(const BuildStep& step, std::size_t number, const std::string& cache) {
        const auto command = fmt::format("{}", fmt::join(step.argv, " "));
        say(fmt::format("step {} of {}: {} ({})", number, recipe_.steps.size(), step.why, command));
        std::deque<std::string> last_lines;
        const auto line = [&](std::string text) {
            text = without_secrets(std::move(text), settings_.secrets);
            last_lines.push_back(text);
            if (last_lines.size() > k_error_lines_max) last_lines.pop_front();
            say(std::move(text));
        };
        auto env = step.env;
        env.emplace("HOME", "/cache/home");
        env.emplace("CI", "true");
        env.insert(settings_.env.begin(), settings_.env.end());
        const auto ended =
            one_shots_.run({.name = fmt::format("build-{}-{}", workspace_.name().substr(2), number),
                            .image = {.kind = ImageKind::platform, .platform = platform_},
                            .folder = app_,
                            .cache_folder = cache,
                            .settings_folder = settings_folder_,
                            .settings_inside = k_settings_inside,
                            .command = step.argv,
                            .env = std::move(env),
                            .uid_base = caps_.uid_base,
                            .memory = caps_.memory,
                            .cpu_millis = caps_.cpu_millis,
                            .pids = caps_.pids,
                            .time_limit = caps_.step_limit},
                           line, progress_.cancelled);
        if (!ended) return fail_in(fmt::format("build step `{}`", command), ended.error());
        if (ended->code == 0 && ended->signal == 0) return {};
        return fail(ErrorCode::failed,
                    fmt::format("build step `{}` {}:\n{}", command, how_it_ended(*ended),
                                fmt::join(last_lines, "\n")));
    }

    std::string how_it_ended(const InstanceExit& ended) const {
        if (ended.out_of_memory) {
            return fmt::format("needed more memory than the {} that builds get",
                               format_size(caps_.memory));
        }
        if (ended.signal != 0) return fmt::format("was ended by signal {}", ended.signal);
        return fmt::format("failed with exit code {}", ended.code);
    }

    const DataDir& data_;
    const PlatformImages& platforms_;
    OneShots& one_shots_;
    const BuildCaps& caps_;
    const BuildSettings& settings_;
    WallTime now_;
    const BuildRequest& request_;
    const ImageProgress& progress_;
    Workspace workspace_;
    std::string layer_;
    std::string app_;
    std::string settings_folder_;
    Unpacked unpacked_;
    std::string platform_;
    PlatformState state_;
    Recipe recipe_;
};

}  // namespace

Result<BuildResult> build_source(const BuildParts& parts, const BuildRequest& request,
                                 const ImageProgress& progress) {
    MOLN_ASSIGN(auto workspace, Workspace::make(parts.data));
    return SourceBuild(parts, request, progress, std::move(workspace)).run();
}

}  // namespace moln
