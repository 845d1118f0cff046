#include "plan/draft.h"

#include <algorithm>
#include <utility>

namespace moln::plan {
namespace {

// Without vowels no name is a word, without l, 0 and 1 none is misread.
constexpr std::string_view k_alphabet = "23456789bcdfghjkmnpqrstvwxz";
constexpr std::size_t k_fresh_letters = 6;  // 27^6: 387 million names

// The value laid over, or else the World's.
template <typename Over, typename Base, typename Key>
auto look(const Over& over, const Base& base, const Key& key) -> decltype(&base.find(key)->second) {
    if (const auto changed = over.find(key); changed != over.end()) {
        return changed->second ? &*changed->second : nullptr;
    }
    const auto found = base.find(key);
    return found == base.end() ? nullptr : &found->second;
}

}  // namespace

std::uint64_t NameSource::next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

std::string NameSource::letters(std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += k_alphabet[next() % k_alphabet.size()];
    return text;
}

Draft::Draft(const World& world, Now now, std::uint64_t seed)
    : world_(world), now_(now), names_(seed) {}

const Project* Draft::project(const ProjectId& id) const {
    if (const auto changed = projects_.find(id); changed != projects_.end()) {
        return &changed->second;
    }
    const auto found = world_.projects.find(id);
    return found == world_.projects.end() ? nullptr : &found->second;
}

const App* Draft::app(const AppId& id) const {
    return look(apps_, world_.apps, id);
}

const Release* Draft::release(const AppId& app, std::int64_t number) const {
    if (const auto changed = releases_.find({app, number}); changed != releases_.end()) {
        return changed->second ? &*changed->second : nullptr;
    }
    const auto of_app = world_.releases.find(app);
    if (of_app == world_.releases.end()) return nullptr;
    const auto found = of_app->second.find(number);
    return found == of_app->second.end() ? nullptr : &found->second;
}

const Instance* Draft::instance(const InstanceId& id) const {
    return look(instances_, world_.instances, id);
}

const Volume* Draft::volume(const VolumeId& id) const {
    return look(volumes_, world_.volumes, id);
}

const TrashItem* Draft::trash(const TrashId& id) const {
    return look(trash_, world_.trash, id);
}

const Certificate* Draft::certificate(const CertificateId& id) const {
    return look(certificates_, world_.certificates, id);
}

void Draft::put(Project project) {
    projects_[project.id] = std::move(project);
}

const App* Draft::put(App app) {
    auto& place = apps_[app.id];
    place = std::move(app);
    return &*place;
}

void Draft::put(Release release) {
    releases_[{release.app, release.number}] = std::move(release);
}

const Instance* Draft::put(Instance instance) {
    auto& place = instances_[instance.id];
    place = std::move(instance);
    return &*place;
}

const Volume* Draft::put(Volume volume) {
    auto& place = volumes_[volume.id];
    place = std::move(volume);
    return &*place;
}

void Draft::put(TrashItem item) {
    trash_[item.id] = std::move(item);
}

void Draft::put(Certificate certificate) {
    certificates_[certificate.id] = std::move(certificate);
}

void Draft::drop(const AppId& id) {
    apps_[id] = std::nullopt;
}

void Draft::drop_release(const AppId& app, std::int64_t number) {
    releases_[{app, number}] = std::nullopt;
}

void Draft::drop(const InstanceId& id) {
    instances_[id] = std::nullopt;
}

void Draft::drop(const VolumeId& id) {
    volumes_[id] = std::nullopt;
}

void Draft::drop(const TrashId& id) {
    trash_[id] = std::nullopt;
}

void Draft::drop(const CertificateId& id) {
    certificates_[id] = std::nullopt;
}

void Draft::put(CertificateOrder order) {
    auto host = order.host;
    orders_[std::move(host)] = std::move(order);
}

void Draft::drop_event(std::int64_t number) {
    dropped_events_.push_back(number);
}

void Draft::tell(EventLevel level, std::string name, const AppId& app, std::string subject,
                 std::string text) {
    events_.push_back({.at = now_.wall,
                       .level = level,
                       .name = std::move(name),
                       .app = app,
                       .subject = std::move(subject),
                       .text = std::move(text)});
}

InstanceId Draft::fresh_instance(std::string_view process) {
    for (;;) {
        InstanceId id(std::string(process) + "-" + names_.letters(k_fresh_letters));
        if (!world_.instances.contains(id) && !instances_.contains(id)) return id;
    }
}

VolumeId Draft::fresh_volume() {
    for (;;) {
        VolumeId id("vol-" + names_.letters(k_fresh_letters));
        if (!world_.volumes.contains(id) && !volumes_.contains(id)) return id;
    }
}

TrashId Draft::fresh_trash() {
    for (;;) {
        TrashId id("tr-" + names_.letters(k_fresh_letters));
        if (!world_.trash.contains(id) && !trash_.contains(id)) return id;
    }
}

CertificateId Draft::fresh_certificate() {
    for (;;) {
        CertificateId id("cert-" + names_.letters(k_fresh_letters));
        const bool ordered = std::ranges::any_of(
            world_.orders, [&](const auto& entry) { return entry.second.id == id; });
        if (!ordered && !world_.certificates.contains(id)) return id;
    }
}

std::string Draft::fresh_ticket_key() {
    for (;;) {
        auto id = names_.letters(k_fresh_letters);
        if (!world_.ticket_keys.contains(id)) return id;
    }
}

Milliseconds Draft::chance_below(Milliseconds bound) {
    const auto width = static_cast<std::uint64_t>(std::max<std::int64_t>(bound.count, 1));
    return {static_cast<std::int64_t>(names_.below(width))};
}

void Draft::wake_in(Milliseconds delay) {
    const MonoTime at = now_.mono + std::max(delay, Milliseconds{0});
    if (!wake_ || at < *wake_) wake_ = at;
}

std::size_t Draft::size() const {
    return projects_.size() + apps_.size() + releases_.size() + instances_.size() +
           volumes_.size() + trash_.size() + certificates_.size() + orders_.size() +
           (acme_ ? 1 : 0) + dropped_ticket_keys_.size() + dropped_events_.size() + events_.size();
}

Changes Draft::take() {
    Changes changes;
    changes.reserve(size());
    for (auto& [id, project] : projects_) changes.emplace_back(PutProject{std::move(project)});
    for (auto& [id, app] : apps_) {
        if (app) changes.emplace_back(PutApp{std::move(*app)});
        if (!app) changes.emplace_back(DeleteApp{id});
    }
    for (auto& [key, release] : releases_) {
        if (release) changes.emplace_back(PutRelease{std::move(*release)});
        if (!release) changes.emplace_back(DeleteRelease{key.first, key.second});
    }
    for (auto& [id, instance] : instances_) {
        if (instance) changes.emplace_back(PutInstance{std::move(*instance)});
        if (!instance) changes.emplace_back(DeleteInstance{id});
    }
    for (auto& [id, volume] : volumes_) {
        if (volume) changes.emplace_back(PutVolume{std::move(*volume)});
        if (!volume) changes.emplace_back(DeleteVolume{id});
    }
    for (auto& [id, item] : trash_) {
        if (item) changes.emplace_back(PutTrash{std::move(*item)});
        if (!item) changes.emplace_back(DeleteTrash{id});
    }
    for (auto& [id, certificate] : certificates_) {
        if (certificate) changes.emplace_back(PutCertificate{std::move(*certificate)});
        if (!certificate) changes.emplace_back(DeleteCertificate{id});
    }
    if (acme_) changes.emplace_back(PutAcmeAccount{std::move(*acme_)});
    for (auto& [host, order] : orders_) {
        if (order) changes.emplace_back(PutOrder{std::move(*order)});
        if (!order) changes.emplace_back(DeleteOrder{host});
    }
    for (auto& id : dropped_ticket_keys_) changes.emplace_back(DeleteTicketKey{std::move(id)});
    for (const auto number : dropped_events_) changes.emplace_back(DeleteEvent{number});
    for (auto& event : events_) changes.emplace_back(PutEvent{std::move(event)});
    return changes;
}

std::string_view project_of(const AppId& app) {
    return std::string_view(app.text).substr(0, app.text.find('/'));
}

std::string_view name_of(const AppId& app) {
    const auto slash = app.text.find('/');
    return slash == std::string::npos ? std::string_view(app.text)
                                      : std::string_view(app.text).substr(slash + 1);
}

}  // namespace moln::plan
