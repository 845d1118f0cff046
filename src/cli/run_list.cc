// Verbs that show one answer.
#include <map>

#include "cli/exit_code.h"
#include "cli/render.h"
#include "cli/requests.h"
#include "cli/shell.h"

namespace moln::cli {
namespace {

using Draw = Result<std::string> (*)(const json::value&, const Style&);

template <typename View, std::string (*render)(const View&, const Style&)>
Result<std::string> draw(const json::value& value, const Style& style) {
    MOLN_ASSIGN(const auto view, from_json<View>(value, UnknownFields::ignore));
    return render(view, style);
}

template <typename View, std::string (*render)(const std::vector<View>&, const Style&)>
Result<std::string> draw_items(const json::value& value, const Style& style) {
    MOLN_ASSIGN(const auto list, from_json<Items<View>>(value, UnknownFields::ignore));
    return render(list.items, style);
}

struct Way {
    Draw draw = nullptr;
    bool of_app = false;  // needs one app
};

const std::map<std::string, Way>& ways() {
    static const std::map<std::string, Way> table = {
        {"status", {draw<StatusView, render_status>}},
        {"apps", {draw_items<AppView, render_apps>}},
        {"ps", {draw_items<InstanceView, render_instances>}},
        {"releases", {draw_items<ReleaseView, render_releases>, true}},
        {"env ls", {draw_items<EnvView, render_env>, true}},
        {"secret ls", {draw_items<SecretView, render_secrets>, true}},
        {"route ls", {draw_items<RouteView, render_routes>}},
        {"cert ls", {draw_items<CertificateView, render_certificates>}},
        {"cert show", {draw<CertificateView, render_certificate>}},
        {"edge status", {draw_items<EdgeProcessView, render_edge>}},
        {"cache stats", {draw_items<CacheView, render_cache>}},
        {"cache purge", {draw<PurgeView, render_purge>}},
        {"cert acme", {draw<AcmeView, render_acme>}},
        {"volume ls", {draw_items<VolumeView, render_volumes>}},
        {"trash ls", {draw_items<TrashView, render_trash>}},
        {"platform ls", {draw_items<PlatformView, render_platforms>}},
    };
    return table;
}

}  // namespace

Verdict run_list(const Shell& shell) {
    const auto& said = shell.said;
    if (said.json && said.verb == "metrics") {
        return fail(ErrorCode::invalid,
                    "metrics: --json: they are text, as Prometheus reads it; `moln status --json`, "
                    "`moln top --once --json` and `moln cache stats --json` have numbers as JSON");
    }
    const auto found = ways().find(said.verb);
    auto way = found == ways().end() ? Way{} : found->second;
    if (said.verb == "apps" && !said.app.empty()) way.draw = draw<AppView, render_app>;
    std::string app;
    if (way.of_app) {
        MOLN_ASSIGN(app, app_to_act_on(shell));
    }
    MOLN_ASSIGN(const auto call, request_for(said, app));
    MOLN_ASSIGN(const auto body, shell.client.call(call));
    if (said.json || way.draw == nullptr) {
        shell.print(body);
        return k_exit_ok;
    }
    MOLN_ASSIGN(const auto value, parse_json(body, k_frame_bytes_max));
    MOLN_ASSIGN(const auto text, way.draw(value, shell.style));
    shell.print(text);
    return k_exit_ok;
}

}  // namespace moln::cli
