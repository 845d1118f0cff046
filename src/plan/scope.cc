#include "plan/scope.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace moln::plan {
namespace {

// Walks an ordered map in step with ascending keys: n lookups cost one pass.
template <typename Map>
class Cursor {
public:
    explicit Cursor(const Map& map) : at_(map.begin()), end_(map.end()) {}

    const typename Map::mapped_type* find(const typename Map::key_type& key) {
        while (at_ != end_ && at_->first < key) ++at_;
        return at_ != end_ && at_->first == key ? &at_->second : nullptr;
    }

private:
    typename Map::const_iterator at_;
    typename Map::const_iterator end_;
};

struct EdgeCursor {
    Cursor<std::map<InstanceId, EndpointReport>> endpoints;
    bool connected = false;
};

class Builder {
public:
    explicit Builder(const Draft& draft) : draft_(draft), world_(draft.world()) {}

    Index build() {
        make_scopes();
        look_at_edges();
        for (const auto& [id, instance] : world_.instances) add(instance);
        for (const auto& [id, volume] : world_.volumes) {
            scope_of(volume.app).volumes.push_back(&volume);
        }
        mark_missing_layers();
        // Those of apps that are gone came last: back into the order of ids.
        std::ranges::sort(index_.apps, {}, &AppScope::id);
        return std::move(index_);
    }

private:
    void make_scopes() {
        index_.apps.reserve(world_.apps.size());
        names_.reserve(world_.apps.size());
        for (const auto& [id, app] : world_.apps) {
            AppScope& scope = index_.apps.emplace_back();
            scope.id = id;
            scope.app = &app;
            scope.wanted = draft_.release(id, app.release);
            scope.serving = draft_.release(id, app.release_served);
            if (scope.serving == nullptr) scope.serving = scope.wanted;
            names_.emplace_back(id.text);
        }
        for (const auto& [id, node] : world_.nodes) {
            nodes_.emplace_back(id, Cursor(node.instances));
        }
    }

    AppScope& scope_of(const AppId& id) {
        const auto known = std::ranges::lower_bound(names_, std::string_view(id.text));
        if (known != names_.end() && *known == id.text) {
            return index_.apps[static_cast<std::size_t>(known - names_.begin())];
        }
        const auto [place, is_new] = gone_.emplace(id, index_.apps.size());
        if (is_new) index_.apps.emplace_back().id = id;
        return index_.apps[place->second];
    }

    void look_at_edges() {
        auto& sight = index_.sight;
        sight.edges_connected = world_.edges.contains(world_.self);
        std::optional<std::int64_t> acked;
        for (const auto& [id, edge] : world_.edges) {
            edges_.push_back({Cursor(edge.endpoints), edge.connected});
            const bool current = edge.connected && edge.report.acked_epoch >= world_.epoch;
            if (!edge.connected) sight.edges_connected = false;
            const auto version = current ? edge.report.acked_version : -1;
            acked = std::min(acked.value_or(version), version);
        }
        if (sight.edges_connected) sight.edges_acked = acked.value_or(-1);
    }

    EndpointSight endpoint(const InstanceId& id) {
        EndpointSight sight;
        std::size_t reports = 0;
        for (auto& edge : edges_) {
            const auto* report = edge.endpoints.find(id);
            if (report == nullptr) continue;
            ++reports;
            sight.open += report->requests_open + report->tunnels_open;
            // What a lost edge said last proves nothing any more.
            sight.healthy =
                sight.healthy || (edge.connected && report->health == EndpointHealth::healthy);
            if (sight.report == nullptr) sight.report = report;
        }
        sight.everywhere = reports > 0 && reports == edges_.size();
        return sight;
    }

    void add(const Instance& instance) {
        Member member{.instance = &instance, .seen = nullptr, .edge = endpoint(instance.id)};
        for (auto& [id, cursor] : nodes_) {
            if (id == instance.node) member.seen = cursor.find(instance.id);
        }
        scope_of(instance.app).members.push_back(member);
    }

    void mark_missing_layers() {
        std::set<std::string> missing;
        for (const auto& [id, item] : world_.trash) {
            if (item.kind != TrashKind::image) continue;
            for (const auto& layer : layers_of(item)) missing.insert(layer);
        }
        if (missing.empty()) return;
        for (auto& scope : index_.apps) {
            if (scope.wanted == nullptr) continue;
            scope.layers_missing =
                std::ranges::any_of(scope.wanted->image.layers,
                                    [&](const auto& layer) { return missing.contains(layer); });
        }
    }

    const Draft& draft_;
    const World& world_;
    Index index_;
    std::vector<std::string_view> names_;  // of the World's apps, sorted: places in index_.apps
    std::map<AppId, std::size_t> gone_;    // apps of which only instances or volumes are left
    std::vector<std::pair<NodeId, Cursor<std::map<InstanceId, InstanceSeen>>>> nodes_;
    std::vector<EdgeCursor> edges_;
};

}  // namespace

std::vector<std::string> layers_of(const TrashItem& item) {
    std::vector<std::string> layers;
    const auto* content = item.content.if_object();
    const auto* listed = content == nullptr ? nullptr : content->if_contains("layers");
    if (listed == nullptr || !listed->is_array()) return layers;
    for (const auto& layer : listed->get_array()) {
        if (layer.is_string()) layers.emplace_back(layer.get_string());
    }
    return layers;
}

Index make_index(const Draft& draft) {
    return Builder(draft).build();
}

std::int64_t asked_count(const App& app, const std::string& name, const ProcessSpec& process) {
    if (process.kind == ProcessKind::cron) return 0;
    const auto scaled = app.scale.find(name);
    return scaled == app.scale.end() ? process.instances : scaled->second;
}

std::int64_t wanted_count(const App& app, const AppConfig& config, const std::string& name) {
    const auto process = config.processes.find(name);
    if (process == config.processes.end()) return 0;
    const auto count = asked_count(app, name, process->second);
    const bool single = std::ranges::any_of(config.volumes, [&](const VolumeSpec& volume) {
        return volume.sharing == Sharing::exclusive && volume.lifetime != Lifetime::instance &&
               mounts(volume, name);
    });
    return single ? std::min<std::int64_t>(count, 1) : count;
}

bool mounts(const VolumeSpec& spec, const std::string& process) {
    return spec.processes.empty() ||
           std::ranges::find(spec.processes, process) != spec.processes.end();
}

const ProcessSpec* find_process(const Release* release, const std::string& name) {
    if (release == nullptr) return nullptr;
    const auto found = release->config.processes.find(name);
    return found == release->config.processes.end() ? nullptr : &found->second;
}

}  // namespace moln::plan
