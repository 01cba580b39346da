from __future__ import annotations

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "access"

    def ready(self) -> None:
        """Tells the floors below what only this one knows."""
        from access import kept, standing
        from access.ftp import account as ftp
        from access.gateway import effects as gateway
        from access.gateway import ending as gateway_ending
        from access.gateway import observe as gateway_observe
        from access.vpn import effects as vpn
        from access.vpn import ending, observe
        from estate import deadlines
        from people import retention
        from runs import effects, periodic

        kinds: dict[str, effects.Kind] = {
            "vpn.free": vpn.NameIsFree(),
            "vpn.set-aside": vpn.SetAside(),
            "vpn.create": vpn.Create(),
            "vpn.revoke": vpn.Revoke(),
            "vpn.crl": vpn.RenewCrl(),
            "vpn.kill": vpn.EndSessions(),
            "vpn.suspend": vpn.Suspend(),
            "vpn.merge": vpn.Merge(),
            "vpn.read-back": vpn.ReadBack(),
            "ftp.rotate": ftp.Rotate(),
            "gateway.allow": gateway.Allow(),
            "gateway.close": gateway.Close(),
            "gateway.list-put": gateway.PutIntoList(),
            "gateway.list-take": gateway.TakeOutOfList(),
            "gateway.read-back": gateway.ReadBack(),
        }
        for name, kind in kinds.items():
            effects.register(name, kind)
        periodic.register("vpn", observe.EVERY, observe.watch)
        periodic.register("vpn users that end", ending.EVERY, ending.check)
        deadlines.register("VPN", ending.deadlines, every=300)
        periodic.register("gateway", gateway_observe.EVERY, gateway_observe.watch)
        periodic.register("allowed addresses that end", gateway_ending.EVERY, gateway_ending.check)
        deadlines.register("Allow-list", gateway_ending.deadlines, every=300)
        periodic.register("ftp account", ftp.EVERY, ftp.watch)
        retention.register("VPN users who are out", kept.vpn_users)
        retention.register("VPN certificates that are over", kept.certificates)
        retention.register("addresses that were let in", kept.addresses)
        standing.register()
