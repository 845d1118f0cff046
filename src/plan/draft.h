// The World as it will be once the decision at hand is committed: changes are laid over it, read
// through, and taken out at the end as one transaction that writes no key twice.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.h"
#include "model/change.h"
#include "model/world.h"

namespace moln::plan {

// Fresh names from a seed: equal seeds give equal names (splitmix64).
class NameSource {
public:
    explicit NameSource(std::uint64_t seed) : state_(seed) {}
    std::string letters(std::size_t count);
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }

private:
    std::uint64_t next();
    std::uint64_t state_;
};

// Pointers returned stay good until the same noun is put or dropped again.
class Draft {
public:
    Draft(const World& world, Now now, std::uint64_t seed);

    const World& world() const { return world_; }
    Now now() const { return now_; }

    const Project* project(const ProjectId& id) const;
    const App* app(const AppId& id) const;
    const Release* release(const AppId& app, std::int64_t number) const;
    const Instance* instance(const InstanceId& id) const;
    const Volume* volume(const VolumeId& id) const;
    const TrashItem* trash(const TrashId& id) const;
    const Certificate* certificate(const CertificateId& id) const;

    void put(Project project);
    const App* put(App app);
    void put(Release release);
    const Instance* put(Instance instance);
    const Volume* put(Volume volume);
    void put(TrashItem item);
    void put(Certificate certificate);
    void put(AcmeAccount account) { acme_ = std::move(account); }
    void put(CertificateOrder order);

    void drop(const AppId& id);
    void drop_release(const AppId& app, std::int64_t number);
    void drop(const InstanceId& id);
    void drop(const VolumeId& id);
    void drop(const TrashId& id);
    void drop(const CertificateId& id);
    void drop_order(const std::string& host) { orders_[host] = std::nullopt; }
    void drop_ticket_key(const std::string& id) { dropped_ticket_keys_.push_back(id); }
    void drop_event(std::int64_t number);

    void tell(EventLevel level, std::string name, const AppId& app, std::string subject,
              std::string text);

    InstanceId fresh_instance(std::string_view process);
    VolumeId fresh_volume();
    TrashId fresh_trash();
    CertificateId fresh_certificate();
    std::string fresh_ticket_key();
    // A draw of the plan's seed, below `bound`.
    Milliseconds chance_below(Milliseconds bound);

    // The plan is to be made again then, or now if that is past.
    void wake_in(Milliseconds delay);
    void wake_at(SteadyTime time) { wake_in(time - now_.steady); }
    void wake_at(WallTime time) { wake_in(time - now_.wall); }
    std::optional<MonoTime> wake() const { return wake_; }

    std::size_t size() const;  // operations so far
    std::int64_t events_told() const { return static_cast<std::int64_t>(events_.size()); }
    Changes take();

private:
    using ReleaseKey = std::pair<AppId, std::int64_t>;

    const World& world_;
    Now now_;
    NameSource names_;
    std::map<ProjectId, Project> projects_;
    std::map<AppId, std::optional<App>> apps_;
    std::map<ReleaseKey, std::optional<Release>> releases_;
    std::map<InstanceId, std::optional<Instance>> instances_;
    std::map<VolumeId, std::optional<Volume>> volumes_;
    std::map<TrashId, std::optional<TrashItem>> trash_;
    std::map<CertificateId, std::optional<Certificate>> certificates_;
    std::optional<AcmeAccount> acme_;
    std::map<std::string, std::optional<CertificateOrder>> orders_;
    std::vector<std::string> dropped_ticket_keys_;
    std::vector<std::int64_t> dropped_events_;
    std::vector<Event> events_;
    std::optional<MonoTime> wake_;
};

// "project/name" in its parts.
std::string_view project_of(const AppId& app);
std::string_view name_of(const AppId& app);

}  // namespace moln::plan
