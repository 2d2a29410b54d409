"""Where the tests of the embedded cloud take place, and who is there."""

PRIMARY, DR = "us-east-1", "us-west-2"
HOME, AWAY = "d-906732325d", "d-926722edaf"
USERS = [f"user{number:02}" for number in range(60)]
WINDOWS = "wsb-windowsstandard"
