#include "model/change.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace moln {
namespace {

std::string any_text() {
    return *rc::gen::container<std::string>(rc::gen::inRange<char>(' ', '~'));
}

std::int64_t any_number() {
    return *rc::gen::inRange<std::int64_t>(1, 1'000'000'000);
}

App any_app() {
    App app;
    app.id = AppId("default/" + *rc::gen::element<std::string>("shop", "blog"));
    app.generation = any_number();
    app.run = *rc::gen::element(AppRun::running, AppRun::stopped, AppRun::removing);
    app.release = any_number();
    app.scale["web"] = any_number();
    app.routes.push_back({.host = any_text(), .path = "/" + any_text()});
    app.env[any_text()] = any_text();
    app.rollout.state = *rc::gen::element(RolloutState::none, RolloutState::failed);
    app.rollout.reason = any_text();
    app.cron_fired["nightly"] = WallTime{any_number()};
    return app;
}

Instance any_instance() {
    Instance instance;
    instance.id = InstanceId("web-" + std::to_string(any_number()));
    instance.app = AppId("default/shop");
    instance.release = any_number();
    instance.goal =
        *rc::gen::element(InstanceGoal::prepare, InstanceGoal::drain, InstanceGoal::remove);
    instance.kind = *rc::gen::element(InstanceKind::service, InstanceKind::run);
    instance.address_slot = static_cast<std::uint32_t>(any_number());
    instance.command = {any_text(), any_text()};
    instance.volumes = {VolumeId("vol-1")};
    if (*rc::gen::arbitrary<bool>()) instance.drained_version = any_number();
    instance.in_edge = *rc::gen::arbitrary<bool>();
    return instance;
}

Release any_release() {
    Release release;
    release.app = AppId("default/shop");
    release.number = any_number();
    release.image.layers = {any_text(), any_text()};
    release.config.processes["web"].command = {any_text()};
    release.config.volumes.push_back({.name = any_text(), .path = any_text(), .processes = {}});
    if (*rc::gen::arbitrary<bool>()) release.config.drain.limit = Milliseconds{any_number()};
    release.own_env[any_text()] = any_text();
    return release;
}

TrashItem any_trash() {
    TrashItem item;
    item.id = TrashId("tr-" + std::to_string(any_number()));
    item.kind = *rc::gen::element(TrashKind::volume, TrashKind::app, TrashKind::image);
    item.what = any_text();
    item.size = Bytes{any_number()};
    item.content = json::object{{"name", any_text()}};
    item.settled = *rc::gen::arbitrary<bool>();
    return item;
}

Certificate any_certificate() {
    Certificate certificate;
    certificate.id = CertificateId("cert-" + std::to_string(any_number()));
    certificate.hosts = {any_text(), any_text()};
    certificate.source = *rc::gen::element(CertificateSource::file, CertificateSource::local);
    certificate.chain = any_text() + "\n";
    certificate.sealed_key = any_text();
    certificate.not_before = {any_number()};
    certificate.not_after = {any_number()};
    certificate.expiry_told = *rc::gen::arbitrary<bool>();
    return certificate;
}

Change any_put() {
    switch (*rc::gen::inRange(0, 9)) {
        case 0: return PutApp{any_app()};
        case 1: return PutInstance{any_instance()};
        case 2: return PutRelease{any_release()};
        case 3: return PutTrash{any_trash()};
        case 4: return PutProject{{.id = ProjectId("default"), .network = any_number()}};
        case 5: return PutCertificate{any_certificate()};
        case 6: {
            Authority authority;
            authority.certificate = any_text();
            authority.sealed_key = any_text();
            authority.not_after = {any_number()};
            return PutAuthority{authority};
        }
        case 7: {
            Volume volume;
            volume.id = VolumeId("vol-" + std::to_string(any_number()));
            volume.name = any_text();
            volume.sharing = Sharing::shared;
            return PutVolume{volume};
        }
        default: return PutEvent{{.number = any_number(), .name = any_text(), .text = any_text()}};
    }
}

Change opposite(const Change& put) {
    if (const auto* c = std::get_if<PutApp>(&put)) return DeleteApp{c->app.id};
    if (const auto* c = std::get_if<PutInstance>(&put)) return DeleteInstance{c->instance.id};
    if (const auto* c = std::get_if<PutRelease>(&put)) {
        return DeleteRelease{c->release.app, c->release.number};
    }
    if (const auto* c = std::get_if<PutTrash>(&put)) return DeleteTrash{c->item.id};
    if (const auto* c = std::get_if<PutVolume>(&put)) return DeleteVolume{c->volume.id};
    if (const auto* c = std::get_if<PutCertificate>(&put)) {
        return DeleteCertificate{c->certificate.id};
    }
    if (const auto* c = std::get_if<PutEvent>(&put)) return DeleteEvent{c->event.number};
    return put;
}

RC_GTEST_PROP(Change, stored_and_read_back_is_the_same, ()) {
    const auto change = any_put();
    const auto value = store_value(change);
    RC_ASSERT(value.has_value());
    const auto back = change_from_store(store_key(change), *value);
    RC_ASSERT(back.has_value());
    RC_ASSERT(store_key(*back) == store_key(change));
    RC_ASSERT(*store_value(*back) == *value);
}

RC_GTEST_PROP(Change, deletion_has_the_key_of_the_put_and_undoes_it, ()) {
    const auto put = any_put();
    if (std::holds_alternative<PutProject>(put)) return;
    if (std::holds_alternative<PutAuthority>(put)) return;
    const auto gone = opposite(put);
    RC_ASSERT(store_key(gone) == store_key(put));
    RC_ASSERT(!store_value(gone).has_value());
    World world;
    apply(world, put);
    apply(world, gone);
    RC_ASSERT(world.apps.empty() && world.instances.empty() && world.releases.empty());
    RC_ASSERT(world.trash.empty() && world.volumes.empty() && world.events.empty());
    RC_ASSERT(world.certificates.empty());
}

TEST(Change, keys_sort_as_their_numbers_do) {
    const auto release = [](std::int64_t number) {
        return store_key(DeleteRelease{AppId("default/shop"), number});
    };
    EXPECT_EQ(release(7), "release/default/shop/0000000007");
    EXPECT_LT(release(9), release(10));
    EXPECT_LT(store_key(DeleteEvent{99}), store_key(DeleteEvent{100}));
}

TEST(Change, events_without_a_number_get_the_next_ones_in_order) {
    Changes changes{PutEvent{{.name = "a"}}, DeleteEvent{1}, PutEvent{{.number = 5, .name = "b"}},
                    PutEvent{{.name = "c"}}};
    number_events(changes, 7);
    EXPECT_EQ(std::get<PutEvent>(changes[0]).event.number, 8);
    EXPECT_EQ(std::get<PutEvent>(changes[2]).event.number, 5);
    EXPECT_EQ(std::get<PutEvent>(changes[3]).event.number, 9);
}

TEST(Change, what_a_newer_binary_adds_is_ignored) {
    const auto change = change_from_store(
        "project/default", R"({"id":"default","network":3,"created":0,"colour":"red"})");
    ASSERT_TRUE(change.has_value());
    EXPECT_EQ(std::get<PutProject>(*change).project.network, 3);
}

TEST(Change, entry_that_is_none_of_ours_is_corrupt) {
    const auto refused = [](const std::string& key, const std::string& value) {
        const auto change = change_from_store(key, value);
        return !change && change.error().code == ErrorCode::corrupt;
    };
    EXPECT_TRUE(refused("", "{}"));
    EXPECT_TRUE(refused("colour/red", "{}"));
    EXPECT_TRUE(refused("project/default", ""));
    EXPECT_TRUE(refused("project/default", "[]"));
    EXPECT_TRUE(refused("project/default", R"({"id":"other"})"));
    EXPECT_TRUE(refused("project/default", R"({"id":"default","network":"three"})"));
    EXPECT_TRUE(refused("instance/web-1", R"({"id":"web-1","goal":"dance"})"));
    EXPECT_TRUE(refused("event/000000000000", R"({"number":0})"));
}

}  // namespace
}  // namespace moln
