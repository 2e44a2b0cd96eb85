"""`gateway axis-sim`."""

from typing import Annotated

import typer

from gateway.cli.console import now

HELP = (
    "Run a simulated axis, for trials only.\n\nChạy trục giả lập, chỉ để thử nghiệm.\n\n"
    "Example: gateway axis-sim --port 9000 --system 00.99.X99:secret:H99.07,H99.08 --fault html-502=once"
)


def axis_sim(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one. / Cổng; 0 để tự chọn.")],
    system: Annotated[
        list[str],
        typer.Option(
            metavar="ID:SECRET:UNIT[,UNIT…]",
            help="A systemId, its secret, its units; a unit with two codes is CODE/OLDCODE. / "
            "systemId, khóa và các đơn vị; đơn vị có hai mã ghi MÃ/MÃ-CŨ.",
        ),
    ],
    fault: Annotated[
        list[str] | None, typer.Option(metavar="NAME[=ARG]", help="A fault by name. / Lỗi giả lập theo tên.")
    ] = None,
    reading: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="How to read what is not known of an axis; `kinder` alone takes the kinder side (docs/simulator.md). / "
            "Cách hiểu chỗ chưa biết về trục; chỉ ghi kinder là chọn cách dễ.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of chance. / Hạt giống ngẫu nhiên.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on. / Địa chỉ lắng nghe.")] = "127.0.0.1",
) -> None:
    from gateway.simulator.run import run
    from gateway.simulator.settings import SystemSpec

    systems = [SystemSpec.parse(text) for text in system]
    run(port, systems, fault or [], clock=now, host=host, seed=seed, readings=reading or [])
