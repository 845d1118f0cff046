// Changes as data: how one alters the World, and how it lies in the store.
#include "model/change.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"

namespace moln {
namespace {

template <typename... F>
struct Overload : F... {
    using F::operator()...;
};

void drop_release(World& world, const AppId& app, std::int64_t number) {
    const auto found = world.releases.find(app);
    if (found == world.releases.end()) return;
    found->second.erase(number);
    if (found->second.empty()) world.releases.erase(found);
}

std::string release_key(const AppId& app, std::int64_t number) {
    return fmt::format("release/{}/{:010}", app.text, number);
}

std::string event_key(std::int64_t number) {
    return fmt::format("event/{:012}", number);
}

std::unexpected<Error> corrupt(const std::string& key, std::string_view what) {
    return fail(ErrorCode::corrupt, fmt::format("stored entry \"{}\": {}", key, what));
}

template <typename T, typename Wrap>
Result<Change> read(const std::string& key, const std::string& value, Wrap wrap) {
    auto noun = from_json_text<T>(value, UnknownFields::ignore);
    if (!noun) return corrupt(key, noun.error().reason);
    Change change = wrap(std::move(*noun));
    // The noun names itself; under another key it would be found by nobody, or twice.
    if (store_key(change) != key) return corrupt(key, "the value is another entry's");
    return change;
}

}  // namespace

void apply(World& world, const Change& change) {
    std::visit(
        Overload{
            [&](const PutProject& c) { world.projects[c.project.id] = c.project; },
            [&](const PutApp& c) { world.apps[c.app.id] = c.app; },
            [&](const DeleteApp& c) { world.apps.erase(c.id); },
            [&](const PutRelease& c) {
                world.releases[c.release.app][c.release.number] = c.release;
            },
            [&](const DeleteRelease& c) { drop_release(world, c.app, c.number); },
            [&](const PutInstance& c) { world.instances[c.instance.id] = c.instance; },
            [&](const DeleteInstance& c) { world.instances.erase(c.id); },
            [&](const PutVolume& c) { world.volumes[c.volume.id] = c.volume; },
            [&](const DeleteVolume& c) { world.volumes.erase(c.id); },
            [&](const PutTrash& c) { world.trash[c.item.id] = c.item; },
            [&](const DeleteTrash& c) { world.trash.erase(c.id); },
            [&](const PutCertificate& c) { world.certificates[c.certificate.id] = c.certificate; },
            [&](const DeleteCertificate& c) { world.certificates.erase(c.id); },
            [&](const PutAuthority& c) { world.authority = c.authority; },
            [&](const PutTicketKey& c) { world.ticket_keys[c.key.id] = c.key; },
            [&](const DeleteTicketKey& c) { world.ticket_keys.erase(c.id); },
            [&](const PutAcmeAccount& c) { world.acme = c.account; },
            [&](const PutOrder& c) { world.orders[c.order.host] = c.order; },
            [&](const DeleteOrder& c) { world.orders.erase(c.host); },
            [&](const PutEvent& c) {
                CHECK(c.event.number > 0);
                world.events[c.event.number] = c.event;
                world.event_number = std::max(world.event_number, c.event.number);
            },
            [&](const DeleteEvent& c) { world.events.erase(c.number); },
        },
        change);
}

void number_events(Changes& changes, std::int64_t last) {
    for (auto& change : changes) {
        auto* put = std::get_if<PutEvent>(&change);
        if (put != nullptr && put->event.number == 0) put->event.number = ++last;
    }
}

std::string store_key(const Change& change) {
    return std::visit(
        Overload{
            [](const PutProject& c) { return "project/" + c.project.id.text; },
            [](const PutApp& c) { return "app/" + c.app.id.text; },
            [](const DeleteApp& c) { return "app/" + c.id.text; },
            [](const PutRelease& c) { return release_key(c.release.app, c.release.number); },
            [](const DeleteRelease& c) { return release_key(c.app, c.number); },
            [](const PutInstance& c) { return "instance/" + c.instance.id.text; },
            [](const DeleteInstance& c) { return "instance/" + c.id.text; },
            [](const PutVolume& c) { return "volume/" + c.volume.id.text; },
            [](const DeleteVolume& c) { return "volume/" + c.id.text; },
            [](const PutTrash& c) { return "trash/" + c.item.id.text; },
            [](const DeleteTrash& c) { return "trash/" + c.id.text; },
            [](const PutCertificate& c) { return "certificate/" + c.certificate.id.text; },
            [](const DeleteCertificate& c) { return "certificate/" + c.id.text; },
            [](const PutAuthority&) { return std::string(k_authority_key); },
            [](const PutTicketKey& c) { return "ticket/" + c.key.id; },
            [](const DeleteTicketKey& c) { return "ticket/" + c.id; },
            [](const PutAcmeAccount&) { return std::string(k_acme_key); },
            [](const PutOrder& c) { return "order/" + c.order.host; },
            [](const DeleteOrder& c) { return "order/" + c.host; },
            [](const PutEvent& c) { return event_key(c.event.number); },
            [](const DeleteEvent& c) { return event_key(c.number); },
        },
        change);
}

std::optional<std::string> store_value(const Change& change) {
    using Value = std::optional<std::string>;
    return std::visit(
        Overload{
            [](const PutProject& c) -> Value { return to_json_text(c.project); },
            [](const PutApp& c) -> Value { return to_json_text(c.app); },
            [](const PutRelease& c) -> Value { return to_json_text(c.release); },
            [](const PutInstance& c) -> Value { return to_json_text(c.instance); },
            [](const PutVolume& c) -> Value { return to_json_text(c.volume); },
            [](const PutTrash& c) -> Value { return to_json_text(c.item); },
            [](const PutCertificate& c) -> Value { return to_json_text(c.certificate); },
            [](const PutAuthority& c) -> Value { return to_json_text(c.authority); },
            [](const PutTicketKey& c) -> Value { return to_json_text(c.key); },
            [](const PutAcmeAccount& c) -> Value { return to_json_text(c.account); },
            [](const PutOrder& c) -> Value { return to_json_text(c.order); },
            [](const PutEvent& c) -> Value { return to_json_text(c.event); },
            [](const auto&) -> Value { return std::nullopt; },
        },
        change);
}

Result<Change> change_from_store(const std::string& key, const std::string& value) {
    const auto kind = std::string_view(key).substr(0, key.find('/'));
    if (kind == "project") {
        return read<Project>(key, value, [](Project p) { return PutProject{std::move(p)}; });
    }
    if (kind == "app") return read<App>(key, value, [](App a) { return PutApp{std::move(a)}; });
    if (kind == "release") {
        return read<Release>(key, value, [](Release r) { return PutRelease{std::move(r)}; });
    }
    if (kind == "instance") {
        return read<Instance>(key, value, [](Instance i) { return PutInstance{std::move(i)}; });
    }
    if (kind == "volume") {
        return read<Volume>(key, value, [](Volume v) { return PutVolume{std::move(v)}; });
    }
    if (kind == "trash") {
        return read<TrashItem>(key, value, [](TrashItem t) { return PutTrash{std::move(t)}; });
    }
    if (kind == "certificate") {
        return read<Certificate>(key, value,
                                 [](Certificate c) { return PutCertificate{std::move(c)}; });
    }
    if (kind == k_authority_key) {
        return read<Authority>(key, value, [](Authority a) { return PutAuthority{std::move(a)}; });
    }
    if (kind == "ticket") {
        return read<TicketKey>(key, value, [](TicketKey k) { return PutTicketKey{std::move(k)}; });
    }
    if (kind == k_acme_key) {
        return read<AcmeAccount>(key, value,
                                 [](AcmeAccount a) { return PutAcmeAccount{std::move(a)}; });
    }
    if (kind == "order") {
        return read<CertificateOrder>(key, value,
                                      [](CertificateOrder o) { return PutOrder{std::move(o)}; });
    }
    if (kind == "event") {
        auto event = read<Event>(key, value, [](Event e) { return PutEvent{std::move(e)}; });
        if (event && std::get<PutEvent>(*event).event.number <= 0) {
            return corrupt(key, "an event needs a number above 0");
        }
        return event;
    }
    return corrupt(key, "not one of Moln's");
}

}  // namespace moln
