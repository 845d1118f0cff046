// Views as text for people. Pure: same view and style, same bytes; golden tests hold them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/table.h"
#include "model/edge_process.h"
#include "model/top_routes.h"
#include "model/views.h"

namespace moln::cli {

std::string render_status(const StatusView& view, const Style& style);
std::string render_apps(const std::vector<AppView>& views, const Style& style);
std::string render_app(const AppView& view, const Style& style);
std::string render_instances(const std::vector<InstanceView>& views, const Style& style);
std::string render_releases(const std::vector<ReleaseView>& views, const Style& style);
std::string render_routes(const std::vector<RouteView>& views, const Style& style);
std::string render_env(const std::vector<EnvView>& views, const Style& style);
std::string render_secrets(const std::vector<SecretView>& views, const Style& style);
std::string render_certificates(const std::vector<CertificateView>& views, const Style& style);
std::string render_acme(const AcmeView& view, const Style& style);
std::string render_certificate(const CertificateView& view, const Style& style);
std::string render_cache(const std::vector<CacheView>& views, const Style& style);
std::string render_purge(const PurgeView& view, const Style& style);
std::string render_volumes(const std::vector<VolumeView>& views, const Style& style);
std::string render_trash(const std::vector<TrashView>& views, const Style& style);
std::string render_platforms(const std::vector<PlatformView>& views, const Style& style);
std::string render_event(const Event& event, const Style& style);
std::string render_log(const LogView& line, const Style& style);
std::string render_top(const TopView& view, const Style& style);
std::string render_top_routes(const TopRoutesView& view, const Style& style);
std::string render_edge(const std::vector<EdgeProcessView>& views, const Style& style);
std::string render_edge_upgrade(const EdgeUpgradeView& view, const Style& style);
std::string render_plan(const PlanView& view, const Style& style);
// What a change has done: its sentence, warnings, and where the app is now.
std::string render_change(const ChangeView& view, const Style& style);

// "default/shop" -> "shop", "other/shop" stays.
std::string short_app(const AppId& id);
// "500 µs", "25 ms"; "-" for none.
std::string milliseconds_words(std::optional<std::int64_t> us);
// What stands where a list is empty.
std::string nothing(const Style& style, std::string_view text);

}  // namespace moln::cli
